import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.calcite.config.Lex;
import org.apache.calcite.sql.parser.SqlParser;
import org.apache.flink.sql.parser.impl.FlinkSqlParserImpl;
import org.apache.flink.sql.parser.validate.FlinkSqlConformance;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;
import org.apache.flink.table.api.internal.TableEnvironmentInternal;
import org.apache.flink.table.operations.ModifyOperation;
import org.apache.flink.table.operations.Operation;
import org.apache.flink.table.operations.QueryOperation;
import org.apache.flink.table.operations.StatementSetOperation;
import org.apache.flink.table.operations.command.SetOperation;
import org.apache.flink.table.planner.parse.ExtendedParser;

/**
 * Asks Flink's parser, or its planner, about statements; started by scripts/record-verdicts.
 *
 * <p>A file holds a statement a line, line breaks as {@code \n}, behind the verdict and a tab. {@code parse} asks the
 * parser alone. {@code bind} asks the planner: a query or an INSERT is planned but not run, anything else is executed,
 * each in a new session that has executed the file's first lines, those whose verdict is {@code setup}, and what stands
 * before a {@code ;;} of its line; behind a refused statement follow a tab and the reason, for the reader.
 */
public final class FlinkVerdicts {
    public static void main(String[] arguments) throws Exception {
        boolean bind = arguments[0].equals("bind");
        Path file = Path.of(arguments[1]);
        List<String> setup = new ArrayList<>();
        StringBuilder out = new StringBuilder();
        for (String line : Files.readAllLines(file)) {
            if (line.isEmpty() || line.startsWith("#")) {
                out.append(line).append('\n');
                continue;
            }
            String[] fields = line.split("\t", -1);
            String statement = fields.length == 1 ? fields[0] : fields[1];
            String sql = statement.replace("\\n", "\n");
            if (fields[0].equals("setup")) {
                setup.add(sql);
                out.append(line).append('\n');
                continue;
            }
            Throwable refusal = null;
            try {
                if (bind) {
                    plan(setup, sql);
                } else {
                    parse(sql);
                }
            } catch (Throwable error) {
                refusal = error;
            }
            out.append(refusal == null ? "ok\t" : "no\t").append(statement);
            if (bind && refusal != null) {
                out.append('\t').append(reason(refusal));
            }
            out.append('\n');
        }
        Files.write(file, out.toString().getBytes(StandardCharsets.UTF_8));
    }

    /** Parses as Flink's ParserImpl does, with the configuration of its PlannerContext. */
    private static void parse(String sql) throws Exception {
        if (ExtendedParser.INSTANCE.parse(sql).isPresent()) {
            return;
        }
        SqlParser.Config config =
                SqlParser.config()
                        .withParserFactory(FlinkSqlParserImpl.FACTORY)
                        .withConformance(FlinkSqlConformance.DEFAULT)
                        .withLex(Lex.JAVA)
                        .withIdentifierMaxLength(256);
        int statements = SqlParser.create(sql, config).parseStmtList().size();
        if (statements != 1) {
            throw new IllegalArgumentException(statements + " statements");
        }
    }

    private static void plan(List<String> setup, String sql) {
        boolean batch = sql.startsWith("/* batch */");
        TableEnvironment env =
                TableEnvironment.create(
                        batch ? EnvironmentSettings.inBatchMode() : EnvironmentSettings.inStreamingMode());
        for (String statement : setup) {
            env.executeSql(statement);
        }
        String[] steps = sql.split(" ;; ");
        for (int at = 0; at < steps.length - 1; at++) {
            execute(env, steps[at]);
        }
        sql = steps[steps.length - 1];
        Operation operation = ((TableEnvironmentInternal) env).getParser().parse(sql).get(0);
        if (operation instanceof QueryOperation
                || operation instanceof ModifyOperation
                || operation instanceof StatementSetOperation) {
            env.explainSql(sql);
        } else {
            env.executeSql(sql);
        }
    }

    /** A table environment leaves SET to the SQL client. */
    private static void execute(TableEnvironment env, String sql) {
        if (((TableEnvironmentInternal) env).getParser().parse(sql).get(0) instanceof SetOperation set) {
            env.getConfig().set(set.getKey().get(), set.getValue().get());
        } else {
            env.executeSql(sql);
        }
    }

    private static String reason(Throwable error) {
        String last = null;
        for (Throwable at = error; at != null; at = at.getCause()) {
            if (at.getMessage() != null) {
                last = at.getMessage();
            }
        }
        String line = String.valueOf(last).replaceAll("\\s+", " ").trim();
        return line.length() > 200 ? line.substring(0, 200) : line;
    }
}
