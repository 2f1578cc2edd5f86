// Writes the fixtures of this folder: legacy message sets (magic 0 and 1) as the Java client
// encodes them, one file of hex text each. tests/proto/record/java_message_sets_test.cc holds the
// records a second time.
//
//   java -cp '/path/to/kafka-clients-3.9/libs/*' GenerateMessageSets.java <this folder>
//
// Made with kafka-clients 3.9.2, for 4.x cannot write these formats any more.
//
//   v<magic>_<codec>       what a producer sends
//   v1_append_time_<codec> as a broker with LogAppendTime stores it
//   down_<magic>_<codec>   the Java client's own conversion of a record batch v2 at offset 1000
//   down_<magic>_append_time[_gzip]  likewise, of a batch with LogAppendTime
//   down_<magic>_middle    likewise, from its third record on

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.CompressionType;
import org.apache.kafka.common.record.MemoryRecords;
import org.apache.kafka.common.record.MemoryRecordsBuilder;
import org.apache.kafka.common.record.RecordBatch;
import org.apache.kafka.common.record.SimpleRecord;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.utils.Time;

public class GenerateMessageSets {
    private static final int HEX_BYTES_PER_LINE = 32;
    private static final long BASE_OFFSET = 1000L;
    private static final long APPEND_TIME = 1800000000000L;

    private static byte[] text(String text) {
        return text == null ? null : text.getBytes(StandardCharsets.UTF_8);
    }

    private static SimpleRecord record(
            long timestamp, String key, String value, Header... headers) {
        return new SimpleRecord(timestamp, text(key), text(value), headers);
    }

    private static SimpleRecord[] records(Header... headers) {
        return new SimpleRecord[] {
            record(1700000000000L, "key", "value", headers),
            record(1700000000005L, null, "no key"),
            record(1700000000003L, "no value", null, headers),
            record(1699999999000L, "", ""),
            record(1700000100000L, "long", "0123456789".repeat(20)),
            record(1700000000001L, null, null),
        };
    }

    private static void write(Path folder, String name, MemoryRecords records) throws IOException {
        ByteBuffer buffer = records.buffer();
        StringBuilder hex = new StringBuilder();
        for (int i = 0; buffer.hasRemaining(); ++i) {
            if (i > 0 && i % HEX_BYTES_PER_LINE == 0) hex.append('\n');
            hex.append(String.format("%02x", buffer.get()));
        }
        Files.writeString(folder.resolve(name + ".hex"), hex.append('\n').toString());
    }

    private static MemoryRecords build(byte magic, CompressionType codec, TimestampType type,
                                       long offset, SimpleRecord[] records) {
        MemoryRecordsBuilder builder =
            MemoryRecords.builder(ByteBuffer.allocate(4096), magic, Compression.of(codec).build(),
                                  type, offset, APPEND_TIME);
        for (SimpleRecord record : records) builder.append(record);
        return builder.build();
    }

    private static MemoryRecords down(byte magic, MemoryRecords batch, long from) {
        return (MemoryRecords) batch.downConvert(magic, from, Time.SYSTEM).records();
    }

    public static void main(String[] arguments) throws IOException {
        Path folder = Path.of(arguments[0]);
        CompressionType[] codecs = {CompressionType.NONE, CompressionType.GZIP,
                                    CompressionType.SNAPPY, CompressionType.LZ4};
        Header header = new RecordHeader("dropped", text("header"));
        for (CompressionType codec : codecs) {
            MemoryRecords batch = build(RecordBatch.MAGIC_VALUE_V2, codec,
                                        TimestampType.CREATE_TIME, BASE_OFFSET, records(header));
            for (byte magic = 0; magic <= 1; ++magic) {
                write(folder, "v" + magic + "_" + codec.name,
                      build(magic, codec, magic == 0 ? TimestampType.NO_TIMESTAMP_TYPE
                                                     : TimestampType.CREATE_TIME, 0L, records()));
                write(folder, "down_" + magic + "_" + codec.name, down(magic, batch, BASE_OFFSET));
            }
            write(folder, "v1_append_time_" + codec.name,
                  build(RecordBatch.MAGIC_VALUE_V1, codec, TimestampType.LOG_APPEND_TIME,
                        BASE_OFFSET, records()));
        }
        MemoryRecords created = build(RecordBatch.MAGIC_VALUE_V2, CompressionType.NONE,
                                      TimestampType.CREATE_TIME, BASE_OFFSET, records(header));
        MemoryRecords appended = build(RecordBatch.MAGIC_VALUE_V2, CompressionType.NONE,
                                       TimestampType.LOG_APPEND_TIME, BASE_OFFSET, records(header));
        MemoryRecords packed = build(RecordBatch.MAGIC_VALUE_V2, CompressionType.GZIP,
                                     TimestampType.LOG_APPEND_TIME, BASE_OFFSET, records(header));
        for (byte magic = 0; magic <= 1; ++magic) {
            write(folder, "down_" + magic + "_middle", down(magic, created, BASE_OFFSET + 2));
            write(folder, "down_" + magic + "_append_time", down(magic, appended, BASE_OFFSET));
            write(folder, "down_" + magic + "_append_time_gzip", down(magic, packed, BASE_OFFSET));
        }
    }
}
