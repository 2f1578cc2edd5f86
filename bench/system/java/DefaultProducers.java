// Producers with the Java client's defaults, each on a thread of its own, as fast as they can.
//
//   DefaultProducers BOOTSTRAP TOPIC PRODUCERS RECORD_BYTES WARMUP_SECONDS SECONDS
//
// Prints `begin` and `end` around the measured window, then a line of JSON.

import java.util.Arrays;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.LongAdder;
import org.apache.kafka.clients.producer.Callback;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

public final class DefaultProducers {
    // All producers of a process share what one would have for itself.
    private static final long BUFFER_BYTES = 33_554_432;
    private static final long BUFFER_BYTES_MIN = 4_194_304;

    private final LongAdder acknowledged = new LongAdder();
    private final AtomicReference<Exception> failure = new AtomicReference<>();

    public static void main(String[] arguments) throws Exception {
        new DefaultProducers().run(arguments);
    }

    private void run(String[] arguments) throws Exception {
        int producers = Integer.parseInt(arguments[2]);
        byte[] value = new byte[Integer.parseInt(arguments[3])];
        Arrays.fill(value, (byte) 'x');
        Properties properties = new Properties();
        properties.put("bootstrap.servers", arguments[0]);
        properties.put("buffer.memory", Math.max(BUFFER_BYTES / producers, BUFFER_BYTES_MIN));
        for (int i = 0; i < producers; i++) {
            startProducer(properties, new ProducerRecord<>(arguments[1], value));
        }
        sleep(Double.parseDouble(arguments[4]));
        System.out.println("begin");
        long records = acknowledged.sum();
        long began = System.nanoTime();
        sleep(Double.parseDouble(arguments[5]));
        records = acknowledged.sum() - records;
        double seconds = (System.nanoTime() - began) / 1e9;
        System.out.println("end");
        if (failure.get() != null) {
            failure.get().printStackTrace();
            Runtime.getRuntime().halt(1);
        }
        System.out.printf("{\"seconds\":%.4f,\"records\":%d,\"bytes\":%d,\"producers\":%d}%n",
                          seconds, records, records * value.length, producers);
        System.out.flush();
        Runtime.getRuntime().halt(0);
    }

    private void startProducer(Properties properties, ProducerRecord<byte[], byte[]> record) {
        KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(
            properties, new ByteArraySerializer(), new ByteArraySerializer());
        Callback count = (metadata, error) -> {
            if (error == null) {
                acknowledged.increment();
            } else {
                failure.set(error);
            }
        };
        Thread thread = new Thread(() -> {
            while (true) {
                producer.send(record, count);
            }
        });
        thread.setDaemon(true);
        thread.start();
    }

    private static void sleep(double seconds) throws InterruptedException {
        Thread.sleep((long) (seconds * 1000));
    }
}
