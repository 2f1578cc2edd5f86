import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.utils.AppInfoParser;

/** A driver for Kafka's own client (tests/interop/README.md has the protocol). */
public final class Driver {
  private static final Duration POLL_MAX = Duration.ofSeconds(60);

  private final String bootstrap;
  private final Admin admin;
  private final BufferedReader commands;
  private final PrintStream out;
  private final List<String> answer = new ArrayList<>();

  private Driver(String bootstrap, PrintStream out) {
    this.bootstrap = bootstrap;
    this.out = out;
    this.admin = Admin.create(properties());
    this.commands = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
  }

  public static void main(String[] args) throws Exception {
    PrintStream out = System.out;
    System.setOut(System.err);
    new Driver(args[0], out).serve();
  }

  private void serve() throws Exception {
    for (String line = commands.readLine(); line != null; line = commands.readLine()) {
      String[] words = line.split("\t");
      Map<String, String> arguments = new HashMap<>();
      for (int i = 1; i < words.length; i++) {
        String[] pair = words[i].split("=", 2);
        arguments.put(pair[0], pair[1]);
      }
      List<String> records = new ArrayList<>();
      for (int left = number(arguments, "records", 0); left > 0; left--) {
        records.add(commands.readLine());
      }
      answer.clear();
      String end = "ok";
      try {
        run(words[0], arguments, records);
      } catch (Exception e) {
        e.printStackTrace();
        Throwable cause = e instanceof ExecutionException ? e.getCause() : e;
        answer.clear();
        end = "error\t" + code(cause) + "\t" + String.valueOf(cause).replaceAll("\\s+", " ");
      }
      StringBuilder text = new StringBuilder();
      answer.forEach(fields -> text.append("+\t").append(fields).append('\n'));
      out.print(text.append(end).append('\n'));
      out.flush();
    }
    admin.close();
  }

  private static int code(Throwable cause) {
    return cause instanceof OffsetOutOfRangeException
        ? Errors.OFFSET_OUT_OF_RANGE.code()
        : Errors.forException(cause).code();
  }

  private static int number(Map<String, String> arguments, String name, int missing) {
    String value = arguments.get(name);
    return value == null ? missing : Integer.parseInt(value);
  }

  private void run(String command, Map<String, String> arguments, List<String> records)
      throws Exception {
    String topic = arguments.get("topic");
    TopicPartition partition =
        topic == null ? null : new TopicPartition(topic, number(arguments, "partition", 0));
    switch (command) {
      case "hello" -> answer.add(AppInfoParser.getVersion());
      case "produce" -> produce(topic, records, arguments.get("codec"));
      case "consume" -> consume(topic);
      case "fetch" -> fetch(partition, Long.parseLong(arguments.get("offset")));
      case "group" -> group(topic, arguments.get("group"), number(arguments, "count", 0));
      case "committed" -> committed(partition, arguments.get("group"));
      case "offset" -> offset(partition, Long.parseLong(arguments.get("timestamp")));
      case "create" -> create(topic, number(arguments, "partitions", 1));
      case "list" -> answer.addAll(admin.listTopics().names().get());
      case "describe" -> describe(topic);
      case "delete" -> admin.deleteTopics(List.of(topic)).all().get();
      case "partitions" ->
          admin
              .createPartitions(
                  Map.of(topic, NewPartitions.increaseTo(number(arguments, "count", 1))))
              .all()
              .get();
      case "configs" -> configs(topic);
      case "alter-one" -> alterOne(topic, arguments.get("name"), arguments.get("value"));
      case "delete-records" -> deleteRecords(partition, Long.parseLong(arguments.get("offset")));
      case "groups" -> listGroups();
      case "member" -> new Member(properties(), arguments, out).live(commands);
      default -> throw new IllegalArgumentException("unknown command " + command);
    }
  }

  private Properties properties(String... pairs) {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", bootstrap);
    for (int i = 0; i < pairs.length; i += 2) {
      properties.put(pairs[i], pairs[i + 1]);
    }
    return properties;
  }

  private static byte[] decode(String field) {
    return field.equals("-") ? null : Base64.getDecoder().decode(field);
  }

  private static String encode(byte[] bytes) {
    return bytes == null ? "-" : Base64.getEncoder().encodeToString(bytes);
  }

  private void produce(String topic, List<String> lines, String codec) throws Exception {
    Properties properties = properties("compression.type", codec, "linger.ms", "5");
    List<Future<RecordMetadata>> sent = new ArrayList<>();
    try (KafkaProducer<byte[], byte[]> producer =
        new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer())) {
      for (String line : lines) {
        String[] fields = line.split("\t", -1);
        Long timestamp = fields[1].equals("-") ? null : Long.valueOf(fields[1]);
        ProducerRecord<byte[], byte[]> record =
            new ProducerRecord<>(
                topic, Integer.valueOf(fields[0]), timestamp, decode(fields[2]), decode(fields[3]));
        for (String header : fields[4].isEmpty() ? new String[0] : fields[4].split(",")) {
          String[] pair = header.split(":", 2);
          record
              .headers()
              .add(new String(decode(pair[0]), StandardCharsets.UTF_8), decode(pair[1]));
        }
        sent.add(producer.send(record));
      }
      producer.flush();
      for (Future<RecordMetadata> future : sent) {
        RecordMetadata metadata = future.get();
        answer.add(metadata.partition() + "\t" + metadata.offset());
      }
    }
  }

  private KafkaConsumer<byte[], byte[]> consumer(String... pairs) {
    Properties properties = properties(pairs);
    properties.put("enable.auto.commit", "false");
    properties.putIfAbsent("auto.offset.reset", "earliest");
    return new KafkaConsumer<>(
        properties, new ByteArrayDeserializer(), new ByteArrayDeserializer());
  }

  private void add(ConsumerRecord<byte[], byte[]> record) {
    List<String> headers = new ArrayList<>();
    for (Header header : record.headers()) {
      byte[] name = header.key().getBytes(StandardCharsets.UTF_8);
      headers.add(encode(name) + ":" + encode(header.value()));
    }
    answer.add(
        String.join(
            "\t",
            String.valueOf(record.partition()),
            String.valueOf(record.offset()),
            String.valueOf(record.timestamp()),
            encode(record.key()),
            encode(record.value()),
            String.join(",", headers)));
  }

  private void consume(String topic) {
    try (KafkaConsumer<byte[], byte[]> consumer = consumer()) {
      Collection<TopicPartition> assigned = new ArrayList<>();
      consumer
          .partitionsFor(topic)
          .forEach(p -> assigned.add(new TopicPartition(topic, p.partition())));
      consumer.assign(assigned);
      consumer.seekToBeginning(assigned);
      Map<TopicPartition, Long> ends = consumer.endOffsets(assigned);
      while (ends.entrySet().stream().anyMatch(e -> consumer.position(e.getKey()) < e.getValue())) {
        consumer.poll(POLL_MAX).forEach(this::add);
      }
    }
  }

  private void fetch(TopicPartition partition, long offset) {
    try (KafkaConsumer<byte[], byte[]> consumer = consumer("auto.offset.reset", "none")) {
      consumer.assign(List.of(partition));
      consumer.seek(partition, offset);
      consumer.poll(POLL_MAX).forEach(this::add);
    }
  }

  private void group(String topic, String group, int count) {
    String records = String.valueOf(count);
    try (KafkaConsumer<byte[], byte[]> consumer =
        consumer("group.id", group, "max.poll.records", records)) {
      consumer.subscribe(List.of(topic));
      while (answer.size() < count) {
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(POLL_MAX)) {
          if (answer.size() == count) {
            break;
          }
          add(record);
          consumer.commitSync(
              Map.of(
                  new TopicPartition(topic, record.partition()),
                  new OffsetAndMetadata(record.offset() + 1)));
        }
      }
    }
  }

  private void committed(TopicPartition partition, String group) throws Exception {
    OffsetAndMetadata found =
        admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().get(partition);
    answer.add(found == null ? "-" : String.valueOf(found.offset()));
  }

  private void offset(TopicPartition partition, long timestamp) throws Exception {
    OffsetSpec asked =
        timestamp == -2
            ? OffsetSpec.earliest()
            : timestamp == -1 ? OffsetSpec.latest() : OffsetSpec.forTimestamp(timestamp);
    ListOffsetsResultInfo found =
        admin.listOffsets(Map.of(partition, asked)).partitionResult(partition).get();
    answer.add(found.offset() < 0 ? "-" : String.valueOf(found.offset()));
  }

  private void create(String topic, int partitions) throws Exception {
    admin.createTopics(List.of(new NewTopic(topic, partitions, (short) 1))).all().get();
  }

  private void describe(String topic) throws Exception {
    var found = admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic);
    answer.add(String.valueOf(found.partitions().size()));
  }

  private void configs(String topic) throws Exception {
    ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
    for (ConfigEntry entry :
        admin.describeConfigs(List.of(resource)).all().get().get(resource).entries()) {
      answer.add(entry.name() + "\t" + entry.value());
    }
  }

  private void alterOne(String topic, String name, String value) throws Exception {
    ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
    AlterConfigOp change =
        new AlterConfigOp(new ConfigEntry(name, value), AlterConfigOp.OpType.SET);
    admin.incrementalAlterConfigs(Map.of(resource, List.of(change))).all().get();
  }

  private void deleteRecords(TopicPartition partition, long offset) throws Exception {
    var wanted = Map.of(partition, RecordsToDelete.beforeOffset(offset));
    var found = admin.deleteRecords(wanted).lowWatermarks().get(partition).get();
    answer.add(String.valueOf(found.lowWatermark()));
  }

  private void listGroups() throws Exception {
    admin.listConsumerGroups().all().get().forEach(group -> answer.add(group.groupId()));
  }
}
