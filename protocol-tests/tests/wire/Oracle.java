import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.message.ApiMessageType;

/**
 * What Kafka's own Java client makes of our bytes.
 * "errors": one line "code name retriable" per error.
 * "echo FILE": per line "key version request|response hex", decodes and prints the hex of
 * encoding it again.
 */
public class Oracle {
    public static void main(String[] arguments) throws Exception {
        StringBuilder out = new StringBuilder();
        if (arguments[0].equals("errors")) {
            for (Errors error : Errors.values()) {
                boolean retriable = error.exception() instanceof RetriableException;
                out.append(error.code() + " " + error.name() + " " + retriable + "\n");
            }
        } else {
            for (String line : Files.readAllLines(Path.of(arguments[1]))) {
                String[] part = line.split(" ", 4);
                ApiMessageType type = ApiMessageType.fromApiKey(Short.parseShort(part[0]));
                short version = Short.parseShort(part[1]);
                ApiMessage message = part[2].equals("request") ? type.newRequest() : type.newResponse();
                ByteBuffer bytes = ByteBuffer.wrap(HexFormat.of().parseHex(part[3]));
                try {
                    message.read(new ByteBufferAccessor(bytes), version);
                    int left = bytes.remaining();
                    ByteBuffer again = MessageUtil.toByteBufferAccessor(message, version).buffer();
                    byte[] copy = new byte[again.remaining()];
                    again.get(copy);
                    out.append(left == 0 ? HexFormat.of().formatHex(copy) : left + " bytes left").append("\n");
                } catch (RuntimeException error) {
                    out.append(error.toString().replace('\n', ' ')).append("\n");
                }
            }
        }
        System.out.print(out);
    }
}
