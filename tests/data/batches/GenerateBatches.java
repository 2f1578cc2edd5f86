// Writes the fixtures of this folder: the same records as the Java client encodes them, one file
// of hex text per codec. tests/proto/record/java_batches_test.cc holds the records a second time.
//
//   java -cp '/path/to/kafka/libs/*' GenerateBatches.java <this folder>
//
// Made with Kafka 4.3.0.

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.record.internal.ControlRecordType;
import org.apache.kafka.common.record.internal.EndTransactionMarker;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.record.internal.SimpleRecord;

public class GenerateBatches {
    private static final int HEX_BYTES_PER_LINE = 32;

    private static byte[] text(String text) {
        return text == null ? null : text.getBytes(StandardCharsets.UTF_8);
    }

    private static SimpleRecord record(
            long timestamp, String key, String value, Header... headers) {
        return new SimpleRecord(timestamp, text(key), text(value), headers);
    }

    private static SimpleRecord[] records() {
        return new SimpleRecord[] {
            record(1700000000000L, "key", "value"),
            record(1700000000005L, null, "no key"),
            record(1700000000003L, "no value", null),
            record(1699999999000L, "", ""),
            record(1700000000005L, "headers", "some",
                   new RecordHeader("trace", text("abc")),
                   new RecordHeader("null", (byte[]) null),
                   new RecordHeader("", text("")),
                   new RecordHeader("trace", text("twice"))),
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

    private static Compression compression(CompressionType type) {
        return Compression.of(type).build();
    }

    public static void main(String[] arguments) throws IOException {
        Path folder = Path.of(arguments[0]);
        for (CompressionType type : CompressionType.values()) {
            write(folder, type.name, MemoryRecords.withRecords(compression(type), records()));
        }
        write(folder, "worked_example",
              MemoryRecords.withRecords(
                  Compression.NONE, record(1700000000000L, "key", "value"),
                  record(1700000000005L, null, "no key", new RecordHeader("h", text("x")))));
        write(folder, "transactional",
              MemoryRecords.withTransactionalRecords(1000L, Compression.NONE, 4711L, (short) 3, 17,
                                                     9, records()));
        write(folder, "idempotent_lz4",
              MemoryRecords.withIdempotentRecords(compression(CompressionType.LZ4), 4711L,
                                                  (short) 0, 2147483646, records()));
        MemoryRecordsBuilder appended =
            MemoryRecords.builder(ByteBuffer.allocate(4096), RecordBatch.MAGIC_VALUE_V2,
                                  Compression.NONE, TimestampType.LOG_APPEND_TIME, 5L,
                                  1800000000000L);
        for (SimpleRecord record : records()) appended.append(record);
        write(folder, "log_append_time", appended.build());
        write(folder, "commit_marker",
              MemoryRecords.withEndTransactionMarker(
                  42L, 1700000000000L, 9, 4711L, (short) 3,
                  new EndTransactionMarker(ControlRecordType.COMMIT, 0)));
    }
}
