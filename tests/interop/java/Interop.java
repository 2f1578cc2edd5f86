import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Kafka's Java client as a command for the interop tests:
 * {@code Interop COMMAND BOOTSTRAP TOPIC [argument] [property=value]...}
 *
 * <p>Records are lines of tab-separated fields; keys, values and headers are in base64, "-" is
 * null. Everything not given as a property is the client's default.
 */
public final class Interop {
  private static final int OUTSTANDING_MAX = 1000;
  private static final int STREAM_VALUE_BYTES = 200;

  public static void main(String[] args) throws Exception {
    String command = args[0];
    String bootstrap = args[1];
    String topic = args[2];
    Properties properties = new Properties();
    properties.put("bootstrap.servers", bootstrap);
    List<String> rest = new ArrayList<>();
    for (int i = 3; i < args.length; i++) {
      String[] pair = args[i].split("=", 2);
      if (pair.length == 2) {
        properties.put(pair[0], pair[1]);
      } else {
        rest.add(args[i]);
      }
    }
    switch (command) {
      case "produce" -> produce(properties, topic);
      case "consume" -> consume(properties, topic);
      case "offsets-for-times" -> offsetsForTimes(properties, topic, Long.parseLong(rest.get(0)));
      case "admin" -> admin(properties, topic);
      case "stream" -> stream(properties, topic, Integer.parseInt(rest.get(0)));
      default -> throw new IllegalArgumentException("unknown command " + command);
    }
  }

  private static BufferedReader input() {
    return new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
  }

  private static byte[] decode(String field) {
    return field.equals("-") ? null : Base64.getDecoder().decode(field);
  }

  private static String encode(byte[] bytes) {
    return bytes == null ? "-" : Base64.getEncoder().encodeToString(bytes);
  }

  private static KafkaProducer<byte[], byte[]> newProducer(Properties properties) {
    return new KafkaProducer<>(
        properties, new ByteArraySerializer(), new ByteArraySerializer());
  }

  /** Reads "partition, timestamp, key, value, headers"; prints "partition, offset". */
  private static void produce(Properties properties, String topic) throws Exception {
    List<Future<RecordMetadata>> sent = new ArrayList<>();
    try (KafkaProducer<byte[], byte[]> producer = newProducer(properties)) {
      BufferedReader lines = input();
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        String[] fields = line.split("\t", -1);
        Long timestamp = fields[1].equals("-") ? null : Long.valueOf(fields[1]);
        ProducerRecord<byte[], byte[]> record =
            new ProducerRecord<>(
                topic, Integer.valueOf(fields[0]), timestamp, decode(fields[2]), decode(fields[3]));
        for (String header : fields[4].isEmpty() ? new String[0] : fields[4].split(",")) {
          String[] pair = header.split(":", 2);
          String name = new String(decode(pair[0]), StandardCharsets.UTF_8);
          record.headers().add(name, decode(pair[1]));
        }
        sent.add(producer.send(record));
      }
      producer.flush();
      for (Future<RecordMetadata> future : sent) {
        RecordMetadata metadata = future.get();
        System.out.println(metadata.partition() + "\t" + metadata.offset());
      }
    }
  }

  private static KafkaConsumer<byte[], byte[]> newConsumer(Properties properties) {
    properties.put("enable.auto.commit", "false");
    return new KafkaConsumer<>(
        properties, new ByteArrayDeserializer(), new ByteArrayDeserializer());
  }

  private static List<TopicPartition> partitions(KafkaConsumer<?, ?> consumer, String topic) {
    List<TopicPartition> found = new ArrayList<>();
    consumer.partitionsFor(topic).forEach(p -> found.add(new TopicPartition(topic, p.partition())));
    if (found.isEmpty()) {
      throw new IllegalStateException("no partitions of " + topic);
    }
    return found;
  }

  private static String headers(ConsumerRecord<byte[], byte[]> record) {
    List<String> parts = new ArrayList<>();
    for (Header header : record.headers()) {
      byte[] name = header.key().getBytes(StandardCharsets.UTF_8);
      parts.add(encode(name) + ":" + encode(header.value()));
    }
    return String.join(",", parts);
  }

  /** Prints "partition, offset, timestamp, key, value, headers" from the beginning to the end. */
  private static void consume(Properties properties, String topic) {
    try (KafkaConsumer<byte[], byte[]> consumer = newConsumer(properties)) {
      Collection<TopicPartition> assigned = partitions(consumer, topic);
      consumer.assign(assigned);
      consumer.seekToBeginning(assigned);
      Map<TopicPartition, Long> ends = consumer.endOffsets(assigned);
      StringBuilder out = new StringBuilder();
      while (ends.entrySet().stream().anyMatch(e -> consumer.position(e.getKey()) < e.getValue())) {
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofSeconds(1))) {
          out.append(record.partition()).append('\t').append(record.offset()).append('\t');
          out.append(record.timestamp()).append('\t').append(encode(record.key())).append('\t');
          out.append(encode(record.value())).append('\t').append(headers(record)).append('\n');
        }
        System.out.print(out);
        out.setLength(0);
      }
    }
  }

  /** Prints "partition, offset, timestamp" of the first record at or after a time, or "-". */
  private static void offsetsForTimes(Properties properties, String topic, long timestamp) {
    try (KafkaConsumer<byte[], byte[]> consumer = newConsumer(properties)) {
      Map<TopicPartition, Long> wanted = new HashMap<>();
      partitions(consumer, topic).forEach(p -> wanted.put(p, timestamp));
      Map<Integer, OffsetAndTimestamp> found = new TreeMap<>();
      consumer.offsetsForTimes(wanted).forEach((p, at) -> found.put(p.partition(), at));
      found.forEach(
          (partition, at) ->
              System.out.println(
                  partition + "\t" + (at == null ? "-" : at.offset() + "\t" + at.timestamp())));
    }
  }

  /** Creates, describes and deletes a topic; prints what the broker said as "name=value". */
  private static void admin(Properties properties, String topic) throws Exception {
    try (Admin admin = Admin.create(properties)) {
      NewTopic wanted = new NewTopic(topic, 3, (short) 1).configs(Map.of("retention.ms", "60000"));
      admin.createTopics(List.of(wanted)).all().get();
      try {
        admin.createTopics(List.of(wanted)).all().get();
        System.out.println("create_again=accepted");
      } catch (java.util.concurrent.ExecutionException e) {
        System.out.println("create_again=" + e.getCause().getClass().getSimpleName());
      }
      TopicDescription description =
          admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic);
      System.out.println("partitions=" + description.partitions().size());
      System.out.println("internal=" + description.isInternal());
      System.out.println("topic_id=" + description.topicId());
      System.out.println("leader=" + description.partitions().get(0).leader().id());
      var cluster = admin.describeCluster();
      System.out.println("nodes=" + cluster.nodes().get().size());
      System.out.println("controller=" + cluster.controller().get().id());
      System.out.println("cluster_id=" + cluster.clusterId().get());
      System.out.println("listed=" + admin.listTopics().names().get().contains(topic));
      admin.deleteTopics(List.of(topic)).all().get();
      System.out.println("listed_after=" + admin.listTopics().names().get().contains(topic));
    }
  }

  /**
   * Produces numbered records round-robin over the partitions until a line arrives on stdin. Prints
   * "acked PARTITION SEQUENCE" or "failed PARTITION SEQUENCE REASON" for each, and at the end
   * "produced COUNT".
   */
  private static void stream(Properties properties, String topic, int partitions)
      throws IOException, InterruptedException {
    BufferedReader stop = input();
    Semaphore outstanding = new Semaphore(OUTSTANDING_MAX);
    long count = 0;
    try (KafkaProducer<byte[], byte[]> producer = newProducer(properties)) {
      for (; !stop.ready(); count++) {
        int partition = (int) (count % partitions);
        long sequence = count / partitions;
        String value = partition + ":" + sequence + ":";
        byte[] padded = (value + "x".repeat(STREAM_VALUE_BYTES - value.length())).getBytes();
        outstanding.acquire();
        producer.send(
            new ProducerRecord<>(topic, partition, null, padded),
            (metadata, error) -> {
              String what = error == null ? "acked " : "failed ";
              String reason = error == null ? "" : " " + error;
              System.out.println(what + partition + " " + sequence + reason);
              outstanding.release();
            });
      }
      producer.flush();
    }
    System.out.println("produced " + count);
  }
}
