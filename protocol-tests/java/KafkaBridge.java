import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Future;
import java.util.function.Consumer;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Kafka's own client behind lines on stdin and stdout, so that one JVM serves a whole run.
 *
 * <p>{@code java -cp 'JARS/*' KafkaBridge.java BOOTSTRAP [producer property=value]...}; one request
 * a line, fields separated by one space, bytes in base64, {@code -} for absent:
 *
 * <pre>
 * create TOPIC PARTITIONS [CONFIG=VALUE]...                      -> ok
 * delete TOPIC                                                   -> ok
 * produce TOPIC PARTITION TIMESTAMP KEY VALUE [NAME=VALUE]...    -> (nothing; errors come with flush)
 * flush                                                          -> ok
 * begin | commit | abort                                         -> ok   (needs transactional.id)
 * offsets GROUP TOPIC PARTITION OFFSET                           -> ok   (in a transaction)
 * committed GROUP TOPIC PARTITION                                -> one line, then ok
 *   line: OFFSET, or - for none
 * read TOPIC [read_committed]                                    -> lines, then ok
 *   line: PARTITION OFFSET TIMESTAMP KEY VALUE [NAME=VALUE]...
 * load TOPIC FILE PARTITIONS                                     -> ok
 *   line n of the file goes to partition n modulo PARTITIONS
 * digest TOPIC [read_committed]                                  -> one line, then ok
 *   line: COUNT BYTES HASH FIRST_TIMESTAMP; the hash does not depend on the order of records
 * </pre>
 *
 * A request that fails is answered by {@code error MESSAGE}; the process ends with its stdin.
 */
public final class KafkaBridge {
    private final Properties base = new Properties();
    private final Properties producerProperties = new Properties();
    private final List<Future<?>> pending = new ArrayList<>();
    private final PrintStream out = new PrintStream(System.out, false, StandardCharsets.US_ASCII);
    private KafkaProducer<byte[], byte[]> producer;

    public static void main(String[] args) throws Exception {
        KafkaBridge bridge = new KafkaBridge();
        bridge.base.put("bootstrap.servers", args[0]);
        bridge.producerProperties.putAll(bridge.base);
        for (int i = 1; i < args.length; i++) {
            String[] pair = args[i].split("=", 2);
            bridge.producerProperties.put(pair[0], pair[1]);
        }
        BufferedReader in =
                new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            try {
                bridge.serve(line.split(" "));
            } catch (Exception e) {
                bridge.out.println("error " + e.toString().replace('\n', ' '));
            }
            bridge.out.flush();
        }
        if (bridge.producer != null) {
            bridge.producer.close(Duration.ofSeconds(5));
        }
    }

    private void serve(String[] request) throws Exception {
        switch (request[0]) {
            case "create":
                try (Admin admin = Admin.create(base)) {
                    NewTopic topic = new NewTopic(request[1], Integer.parseInt(request[2]), (short) 1);
                    Map<String, String> configs = new HashMap<>();
                    for (int i = 3; i < request.length; i++) {
                        String[] pair = request[i].split("=", 2);
                        configs.put(pair[0], pair[1]);
                    }
                    admin.createTopics(List.of(topic.configs(configs))).all().get();
                }
                break;
            case "delete":
                try (Admin admin = Admin.create(base)) {
                    admin.deleteTopics(List.of(request[1])).all().get();
                }
                break;
            case "load":
                load(request[1], Path.of(request[2]), Integer.parseInt(request[3]));
                flush();
                break;
            case "digest":
                digest(request[1], isolation(request));
                break;
            case "produce":
                pending.add(producer().send(record(request)));
                return;
            case "flush":
                flush();
                break;
            case "begin":
                producer().beginTransaction();
                break;
            case "commit":
                producer().commitTransaction();
                break;
            case "abort":
                producer().abortTransaction();
                break;
            case "offsets":
                producer()
                        .sendOffsetsToTransaction(
                                Map.of(
                                        new TopicPartition(request[2], Integer.parseInt(request[3])),
                                        new OffsetAndMetadata(Long.parseLong(request[4]))),
                                new ConsumerGroupMetadata(request[1]));
                break;
            case "committed":
                committed(request[1], new TopicPartition(request[2], Integer.parseInt(request[3])));
                break;
            case "read":
                read(request[1], isolation(request), this::print);
                break;
            default:
                throw new IllegalArgumentException("unknown request " + request[0]);
        }
        out.println("ok");
    }

    private void committed(String group, TopicPartition partition) throws Exception {
        try (Admin admin = Admin.create(base)) {
            OffsetAndMetadata found =
                    admin.listConsumerGroupOffsets(group)
                            .partitionsToOffsetAndMetadata()
                            .get()
                            .get(partition);
            out.println(found == null ? "-" : Long.toString(found.offset()));
        }
    }

    private static String isolation(String[] request) {
        return request.length > 2 ? request[2] : "read_uncommitted";
    }

    private void flush() throws Exception {
        List<Future<?>> sent = List.copyOf(pending);
        pending.clear();
        producer().flush();
        for (Future<?> future : sent) {
            future.get();
        }
    }

    private void load(String topic, Path file, int partitions) throws Exception {
        try (BufferedReader lines = Files.newBufferedReader(file)) {
            int n = 0;
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                byte[] value = line.getBytes(StandardCharsets.UTF_8);
                Future<?> sent =
                        producer().send(new ProducerRecord<>(topic, n % partitions, null, value));
                n = (n + 1) % partitions;
                // The first failure is enough; keeping every future would hold the whole file.
                if (pending.size() < 1000) {
                    pending.add(sent);
                }
            }
        }
    }

    private void digest(String topic, String isolation) {
        long[] sums = {0, 0, 0, Long.MAX_VALUE};
        read(
                topic,
                isolation,
                r -> {
                    long hash = 0xcbf29ce484222325L;
                    for (byte b : r.value() == null ? new byte[0] : r.value()) {
                        hash = (hash ^ (b & 0xff)) * 0x100000001b3L;
                    }
                    // FNV mixes its last bytes badly; the sum needs every bit to depend on all.
                    hash = (hash ^ (hash >>> 32)) * 0x9e3779b97f4a7c15L;
                    sums[0] += 1;
                    sums[1] += r.serializedValueSize();
                    sums[2] += hash ^ (hash >>> 29);
                    sums[3] = Math.min(sums[3], r.timestamp());
                });
        out.println(sums[0] + " " + sums[1] + " " + Long.toHexString(sums[2]) + " " + sums[3]);
    }

    private KafkaProducer<byte[], byte[]> producer() {
        if (producer == null) {
            producer =
                    new KafkaProducer<>(
                            producerProperties, new ByteArraySerializer(), new ByteArraySerializer());
            if (producerProperties.containsKey("transactional.id")) {
                producer.initTransactions();
            }
        }
        return producer;
    }

    private static ProducerRecord<byte[], byte[]> record(String[] request) {
        int partition = Integer.parseInt(request[2]);
        ProducerRecord<byte[], byte[]> record =
                new ProducerRecord<>(
                        request[1],
                        partition < 0 ? null : partition,
                        request[3].equals("-") ? null : Long.valueOf(request[3]),
                        decode(request[4]),
                        decode(request[5]));
        for (int i = 6; i < request.length; i++) {
            int split = request[i].indexOf('=');
            record.headers().add(request[i].substring(0, split), decode(request[i].substring(split + 1)));
        }
        return record;
    }

    private void read(
            String topic, String isolation, Consumer<ConsumerRecord<byte[], byte[]>> each) {
        Properties properties = new Properties();
        properties.putAll(base);
        properties.put("isolation.level", isolation);
        try (KafkaConsumer<byte[], byte[]> consumer =
                new KafkaConsumer<>(
                        properties, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            List<TopicPartition> partitions = new ArrayList<>();
            consumer.partitionsFor(topic)
                    .forEach(p -> partitions.add(new TopicPartition(topic, p.partition())));
            partitions.sort((a, b) -> a.partition() - b.partition());
            // One partition after the other: the answer is ordered without holding it in memory.
            for (TopicPartition partition : partitions) {
                consumer.assign(List.of(partition));
                consumer.seekToBeginning(List.of(partition));
                long end = consumer.endOffsets(List.of(partition)).get(partition);
                while (consumer.position(partition) < end) {
                    for (ConsumerRecord<byte[], byte[]> r : consumer.poll(Duration.ofMillis(100))) {
                        each.accept(r);
                    }
                }
            }
        }
    }

    private void print(ConsumerRecord<byte[], byte[]> r) {
        StringBuilder line = new StringBuilder();
        line.append(r.partition()).append(' ').append(r.offset()).append(' ').append(r.timestamp());
        line.append(' ').append(encode(r.key())).append(' ').append(encode(r.value()));
        for (Header header : r.headers()) {
            line.append(' ').append(header.key()).append('=').append(encode(header.value()));
        }
        out.println(line);
    }

    /** Empty bytes are {@code =}, which base64 never gives, so that fields stay visible. */
    private static String encode(byte[] bytes) {
        if (bytes == null) {
            return "-";
        }
        return bytes.length == 0 ? "=" : Base64.getEncoder().encodeToString(bytes);
    }

    private static byte[] decode(String text) {
        if (text.equals("-")) {
            return null;
        }
        return text.equals("=") ? new byte[0] : Base64.getDecoder().decode(text);
    }
}
