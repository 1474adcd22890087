import java.io.IOException;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.record.internal.ControlRecordType;
import org.apache.kafka.common.record.internal.EndTransactionMarker;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.MutableRecordBatch;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.record.internal.RecordBatch;

/**
 * The Java client's record batches as an oracle: writes batches to java-*.bin in the folder given, then
 * describes every *.bin of the folder in a *.txt beside it, one line per batch and per record.
 */
public final class RecordsOracle {
    private static final byte MAGIC = RecordBatch.MAGIC_VALUE_V2;

    public static void main(String[] args) throws IOException {
        Path folder = Path.of(args[0]);
        for (CompressionType type : CompressionType.values()) {
            write(folder, type.name, Compression.of(type).build());
        }
        write(folder, "gzip-9", Compression.gzip().level(9).build());
        write(folder, "lz4-17", Compression.lz4().level(17).build());
        write(folder, "zstd-19", Compression.zstd().level(19).build());
        write(folder, "zstd-fast", Compression.zstd().level(-5).build());
        Files.write(folder.resolve("java-control.bin"), bytes(List.of(
            MemoryRecords.withEndTransactionMarker(70, 1234, 3, 11, (short) 4,
                new EndTransactionMarker(ControlRecordType.ABORT, 9)),
            MemoryRecords.withEndTransactionMarker(71, 1235, 3, 11, (short) 4,
                new EndTransactionMarker(ControlRecordType.COMMIT, 9)))));
        try (DirectoryStream<Path> files = Files.newDirectoryStream(folder, "*.bin")) {
            for (Path file : files) {
                describe(file);
            }
        }
    }

    private static void write(Path folder, String name, Compression codec) throws IOException {
        List<MemoryRecords> batches = new ArrayList<>();
        batches.add(odd(codec));
        batches.add(many(codec));
        batches.add(compacted(codec));
        batches.add(large(codec));
        Files.write(folder.resolve("java-" + name + ".bin"), bytes(batches));
        Files.write(folder.resolve("java-small-" + name + ".bin"), bytes(List.of(odd(codec))));
    }

    /** What confused clients before: null against empty, equal header keys, far timestamps. */
    private static MemoryRecords odd(Compression codec) {
        MemoryRecordsBuilder builder = MemoryRecords.builder(ByteBuffer.allocate(1 << 10), MAGIC,
            codec, TimestampType.CREATE_TIME, 10, RecordBatch.NO_TIMESTAMP, 7, (short) 1, 5, true, 3);
        Header[] headers = {
            new RecordHeader("same", utf8("1")), new RecordHeader("same", utf8("2")),
            new RecordHeader("null", (byte[]) null), new RecordHeader("empty", new byte[0]),
            new RecordHeader("", utf8("é")),
        };
        builder.append(1_700_000_000_000L, null, utf8("value"));
        builder.append(1_700_000_000_000L + (1L << 40), utf8(""), utf8(""), headers);
        builder.append(5L, utf8("tombstone"), null);
        builder.append(1_700_000_000_001L, utf8("key"), utf8("value".repeat(50)), headers);
        return builder.build();
    }

    private static MemoryRecords many(Compression codec) {
        MemoryRecordsBuilder builder = MemoryRecords.builder(ByteBuffer.allocate(1 << 10), MAGIC,
            codec, TimestampType.LOG_APPEND_TIME, 100, 1_800_000_000_000L);
        for (int i = 0; i < 2000; i++) {
            builder.append(i, utf8("k" + i % 10), utf8("{\"id\":" + i + ",\"name\":\"user " + i * 7919 + "\"}"));
        }
        return builder.build();
    }

    private static MemoryRecords compacted(Compression codec) {
        MemoryRecordsBuilder builder = MemoryRecords.builder(ByteBuffer.allocate(1 << 10), MAGIC,
            codec, TimestampType.CREATE_TIME, 5000);
        for (long offset : new long[] {5001, 5007, 9000, 70_000}) {
            builder.appendWithOffset(offset, offset * 2, utf8("key"), utf8("at " + offset));
        }
        builder.overrideLastOffset(100_000);
        return builder.build();
    }

    /** Several codec blocks, some of which do not compress. */
    private static MemoryRecords large(Compression codec) {
        MemoryRecordsBuilder builder = MemoryRecords.builder(ByteBuffer.allocate(1 << 10), MAGIC,
            codec, TimestampType.CREATE_TIME, 200_000);
        byte[] noise = new byte[150_000];
        new Random(1).nextBytes(noise);
        builder.append(1L, null, noise);
        builder.append(2L, null, new byte[200_000]);
        builder.append(3L, utf8("key"), utf8("lorem ipsum ".repeat(10_000)));
        return builder.build();
    }

    private static void describe(Path file) throws IOException {
        Path text = Path.of(file.toString().replaceAll("bin$", "txt"));
        try (PrintStream out = new PrintStream(Files.newOutputStream(text), false, StandardCharsets.UTF_8)) {
            MemoryRecords records = MemoryRecords.readableRecords(ByteBuffer.wrap(Files.readAllBytes(file)));
            for (MutableRecordBatch batch : records.batches()) {
                batch.ensureValid();
                out.print("batch " + batch.baseOffset() + ' ' + batch.lastOffset() + ' ' + batch.maxTimestamp()
                    + ' ' + batch.timestampType() + ' ' + batch.compressionType().name
                    + ' ' + batch.producerId() + ' ' + batch.producerEpoch() + ' ' + batch.baseSequence()
                    + ' ' + batch.partitionLeaderEpoch() + ' ' + batch.isTransactional()
                    + ' ' + batch.isControlBatch() + ' ' + batch.countOrNull() + '\n');
                for (Record record : batch) {
                    record.ensureValid();
                    out.print(record.offset() + " " + record.timestamp() + ' ' + hex(record.key())
                        + ' ' + hex(record.value()));
                    for (Header header : record.headers()) {
                        byte[] value = header.value();
                        out.print(' ' + hex(ByteBuffer.wrap(utf8(header.key()))) + '='
                            + hex(value == null ? null : ByteBuffer.wrap(value)));
                    }
                    out.print('\n');
                }
            }
            if (out.checkError()) {
                throw new IOException("could not write " + text);
            }
        }
    }

    private static byte[] bytes(List<MemoryRecords> batches) {
        int size = batches.stream().mapToInt(MemoryRecords::sizeInBytes).sum();
        ByteBuffer all = ByteBuffer.allocate(size);
        batches.forEach(batch -> all.put(batch.buffer().duplicate()));
        return all.array();
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static String hex(ByteBuffer bytes) {
        if (bytes == null) {
            return "null";
        }
        byte[] copy = new byte[bytes.remaining()];
        bytes.duplicate().get(copy);
        return "x" + HexFormat.of().formatHex(copy);
    }
}
