import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.regex.Pattern;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RebalanceInProgressException;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** A member of a shared group, until it is told to leave (tests/interop/README.md). */
final class Member implements ConsumerRebalanceListener {
  private static final Duration POLL_TIME = Duration.ofMillis(100);
  private static final String HEARTBEAT_MS = "500";
  private static final String ASSIGNORS = "org.apache.kafka.clients.consumer.";
  private static final Map<String, String> ASSIGNOR_CLASSES =
      Map.of(
          "range", ASSIGNORS + "RangeAssignor",
          "roundrobin", ASSIGNORS + "RoundRobinAssignor",
          "cooperative-sticky", ASSIGNORS + "CooperativeStickyAssignor");

  private final Map<String, String> settings;
  private final PrintStream out;
  private final BlockingQueue<String[]> wishes = new LinkedBlockingQueue<>();
  private final Map<TopicPartition, OffsetAndMetadata> positions = new HashMap<>();
  private final KafkaConsumer<byte[], byte[]> consumer;
  private boolean holds;

  Member(Properties properties, Map<String, String> settings, PrintStream out) {
    this.settings = settings;
    this.out = out;
    properties.put("group.id", settings.get("group"));
    properties.put("enable.auto.commit", "false");
    properties.put("auto.offset.reset", settings.get("reset"));
    if (settings.containsKey("protocol")) {
      // The broker says how long a member may be silent.
      properties.put("group.protocol", settings.get("protocol"));
    } else {
      properties.put("session.timeout.ms", settings.get("session"));
      properties.put("heartbeat.interval.ms", HEARTBEAT_MS);
    }
    properties.put("metadata.max.age.ms", settings.get("age"));
    if (settings.containsKey("assignor")) {
      String assignor = ASSIGNOR_CLASSES.get(settings.get("assignor"));
      properties.put("partition.assignment.strategy", assignor);
    }
    if (settings.containsKey("instance")) {
      properties.put("group.instance.id", settings.get("instance"));
    }
    consumer =
        new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer());
  }

  void live(BufferedReader lines) throws InterruptedException {
    Thread listener = new Thread(() -> listen(lines));
    listener.start();
    try {
      subscribe();
      while (obeyed()) {
        consumer.poll(POLL_TIME).forEach(this::took);
        flush();
      }
    } catch (RuntimeException e) {
      e.printStackTrace();
      int code = Errors.forException(e).code();
      say("error", List.of(String.valueOf(code), String.valueOf(e).replaceAll("\\s+", " ")));
    }
    listener.join();
    consumer.close();
    say("left", List.of());
  }

  /** Takes lines until the member shall leave; the next one is the driver's again. */
  private void listen(BufferedReader lines) {
    try {
      String line = "";
      while (!line.equals("leave")) {
        line = lines.readLine();
        line = line == null ? "leave" : line;
        wishes.add(line.split("\t"));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void subscribe() {
    String topics = settings.get("topics");
    if (topics.startsWith("^")) {
      consumer.subscribe(Pattern.compile(topics), this);
    } else {
      consumer.subscribe(List.of(topics.split(",")), this);
    }
  }

  /** Does what the member is told; false when it shall leave. */
  private boolean obeyed() {
    for (String[] wish = wishes.poll(); wish != null; wish = wishes.poll()) {
      switch (wish[0]) {
        case "leave" -> {
          return false;
        }
        case "hold" -> holds = true;
        case "pause" -> consumer.pause(List.of(partition(wish[1])));
        case "resume" -> consumer.resume(List.of(partition(wish[1])));
        default -> throw new IllegalArgumentException("unknown wish " + wish[0]);
      }
      say("done", List.of(wish[0]));
    }
    return true;
  }

  private static TopicPartition partition(String place) {
    int at = place.lastIndexOf(':');
    return new TopicPartition(place.substring(0, at), Integer.parseInt(place.substring(at + 1)));
  }

  /** A line at once and whole, for members share a pipe. */
  private void say(String event, Collection<String> fields) {
    List<String> words = new ArrayList<>(List.of("*", settings.get("name"), event));
    words.addAll(fields);
    byte[] line = (String.join("\t", words) + "\n").getBytes(StandardCharsets.UTF_8);
    out.write(line, 0, line.length);
    out.flush();
  }

  private void sayPartitions(String event, Collection<TopicPartition> partitions) {
    say(event, partitions.stream().map(one -> one.topic() + ":" + one.partition()).toList());
  }

  private void took(ConsumerRecord<byte[], byte[]> record) {
    TopicPartition partition = new TopicPartition(record.topic(), record.partition());
    positions.put(partition, new OffsetAndMetadata(record.offset() + 1));
    String place = record.topic() + ":" + record.partition();
    say("read", List.of(place, String.valueOf(record.offset())));
  }

  private void flush() {
    if (positions.isEmpty() || holds) {
      return;
    }
    try {
      consumer.commitSync(positions);
    } catch (RebalanceInProgressException e) {
      return; // A cooperative member reads on meanwhile, and commits when it is over.
    }
    positions.clear();
    say("committed", List.of());
  }

  @Override
  public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
    sayPartitions("assigned", partitions);
  }

  @Override
  public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
    flush();
    sayPartitions("revoked", partitions);
  }

  @Override
  public void onPartitionsLost(Collection<TopicPartition> partitions) {
    positions.clear();
    sayPartitions("revoked", partitions);
  }
}
