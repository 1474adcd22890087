import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.List;
import org.apache.calcite.rel.RelNode;
import org.apache.calcite.rex.RexNode;
import org.apache.calcite.rex.RexProgram;
import org.apache.flink.api.common.functions.MapFunction;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.functions.RichMapFunction;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableConfig;
import org.apache.flink.table.api.TableEnvironment;
import org.apache.flink.table.api.internal.TableEnvironmentImpl;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.operations.QueryOperation;
import org.apache.flink.table.planner.calcite.FlinkRelBuilder;
import org.apache.flink.table.planner.calcite.FlinkTypeFactory;
import org.apache.flink.table.planner.codegen.CodeGeneratorContext;
import org.apache.flink.table.planner.codegen.ConstantCodeGeneratorContext;
import org.apache.flink.table.planner.codegen.ExprCodeGenerator;
import org.apache.flink.table.planner.codegen.FunctionCodeGenerator$;
import org.apache.flink.table.planner.codegen.GeneratedExpression;
import org.apache.flink.table.planner.delegation.PlannerBase;
import org.apache.flink.table.planner.functions.casting.RowDataToStringConverterImpl;
import org.apache.flink.table.planner.plan.nodes.physical.stream.StreamPhysicalCalc;
import org.apache.flink.table.runtime.generated.GeneratedFunction;
import org.apache.flink.table.types.DataType;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.table.types.utils.TypeConversions;
import scala.Option;
import scala.collection.JavaConverters;

/**
 * Evaluates expressions with the code that Flink's planner generates, without a cluster; started by
 * scripts/record-verdicts. The format of the file is in tests/slt/README.md.
 */
public final class FlinkExpressions {
    private static final ClassLoader LOADER = FlinkExpressions.class.getClassLoader();
    private static final String ZONE = "Europe/Berlin";

    private final TableEnvironmentImpl env;
    private final TableConfig config;
    /** One row a column of the file's values. */
    private List<GenericRowData> rows = List.of(new GenericRowData(0));

    private FlinkExpressions() {
        env = (TableEnvironmentImpl) TableEnvironment.create(EnvironmentSettings.inStreamingMode());
        config = env.getConfig();
        config.set("table.local-time-zone", ZONE);
    }

    public static void main(String[] arguments) throws Exception {
        FlinkExpressions flink = new FlinkExpressions();
        Path file = Path.of(arguments[0]);
        List<String> lines = Files.readAllLines(file);
        List<String[]> columns = new ArrayList<>();
        for (String line : lines) {
            if (line.startsWith("column\t")) {
                columns.add(line.split("\t", -1));
            }
        }
        flink.declare(columns);
        StringBuilder out = new StringBuilder();
        for (String line : lines) {
            if (line.isEmpty() || line.startsWith("#") || line.startsWith("column\t")) {
                out.append(line).append('\n');
                continue;
            }
            String sql = line.split("\t", 2)[0];
            out.append(sql);
            try {
                for (String field : flink.answer(sql)) {
                    out.append('\t').append(field);
                }
            } catch (Throwable error) {
                out.append("\trefused\t").append(reason(error));
            }
            out.append('\n');
        }
        Files.write(file, out.toString().getBytes(StandardCharsets.UTF_8));
    }

    private void declare(List<String[]> columns) throws Exception {
        env.executeSql("CREATE TABLE dummy (nothing INT) WITH ('connector' = 'datagen')");
        List<GenericRowData> values = new ArrayList<>();
        for (int row = 0; row < columns.get(0).length - 3; row++) {
            values.add(new GenericRowData(columns.size()));
        }
        StringBuilder ddl = new StringBuilder("CREATE TABLE t (");
        rows = List.of(new GenericRowData(1));
        for (int at = 0; at < columns.size(); at++) {
            String[] column = columns.get(at);
            ddl.append(at == 0 ? "" : ", ").append(column[1]).append(' ').append(column[2]);
            String type = column[2].replace(" NOT NULL", "");
            for (int row = 3; row < column.length; row++) {
                Compiled cell = compile("SELECT CAST(" + column[row] + " AS " + type + ") FROM dummy");
                values.get(row - 3).setField(at, cell.function.map(rows.get(0)).getField(0));
            }
        }
        env.executeSql(ddl + ") WITH ('connector' = 'datagen')");
        rows = values;
    }

    private static final class Compiled {
        DataType type;
        MapFunction<GenericRowData, GenericRowData> function;
    }

    private Compiled compile(String sql) throws Exception {
        Compiled compiled = new Compiled();
        QueryOperation operation = (QueryOperation) env.getParser().parse(sql).get(0);
        compiled.type = operation.getResolvedSchema().getColumnDataTypes().get(0);
        PlannerBase planner = (PlannerBase) env.getPlanner();
        RelNode logical = ((FlinkRelBuilder) planner.createRelBuilder()).queryOperation(operation).build();
        RelNode physical = planner.optimize(logical);
        if (!(physical instanceof StreamPhysicalCalc)) {
            throw new IllegalStateException("planned as " + physical.getClass().getSimpleName());
        }
        StreamPhysicalCalc calc = (StreamPhysicalCalc) physical;
        RexProgram program = calc.getProgram();
        RexNode node = program.expandLocalRef(program.getProjectList().get(0));
        LogicalType input = FlinkTypeFactory.toLogicalRowType(calc.getInput(0).getRowType());
        RowType result = RowType.of(FlinkTypeFactory.toLogicalType(node.getType()));
        ConstantCodeGeneratorContext context = new ConstantCodeGeneratorContext(config, LOADER);
        ExprCodeGenerator generator =
                new ExprCodeGenerator(context, false).bindInput(input, "in1", Option.empty());
        List<GeneratedExpression> fields = List.of(generator.generateExpression(node));
        GeneratedExpression row =
                generator.generateResultExpression(
                        JavaConverters.asScalaBuffer(fields).toSeq(),
                        result,
                        GenericRowData.class,
                        "out",
                        Option.empty(),
                        true,
                        false);
        FunctionCodeGenerator$ generate = FunctionCodeGenerator$.MODULE$;
        @SuppressWarnings("unchecked")
        GeneratedFunction<MapFunction<GenericRowData, GenericRowData>> function =
                (GeneratedFunction<MapFunction<GenericRowData, GenericRowData>>)
                        (GeneratedFunction<?>)
                                generate.generateFunction(
                                        context,
                                        "Expression",
                                        MapFunction.class,
                                        row.code() + "\nreturn " + row.resultTerm() + ";\n",
                                        result,
                                        input,
                                        "in1",
                                        Option.empty(),
                                        Option.empty(),
                                        generate.generateFunction$default$10(),
                                        generate.generateFunction$default$11());
        compiled.function = function.newInstance(LOADER);
        ((RichMapFunction<?, ?>) compiled.function).open((OpenContext) null);
        return compiled;
    }

    /** The type, then the value for every row. */
    private List<String> answer(String sql) throws Exception {
        Compiled compiled = compile("SELECT " + sql + " FROM t");
        List<String> answer = new ArrayList<>();
        answer.add(compiled.type.getLogicalType().asSummaryString());
        RowDataToStringConverterImpl printer =
                new RowDataToStringConverterImpl(
                        org.apache.flink.table.api.DataTypes.ROW(
                                org.apache.flink.table.api.DataTypes.FIELD("f0", compiled.type)),
                        ZoneId.of(ZONE),
                        LOADER,
                        false,
                        new CodeGeneratorContext(config, LOADER));
        for (GenericRowData row : rows) {
            try {
                RowData value = compiled.function.map(row);
                answer.add(value.isNullAt(0) ? "NULL" : "=" + escape(printer.convert(value)[0]));
            } catch (Throwable error) {
                answer.add("!" + reason(error));
            }
        }
        return answer;
    }

    private static String escape(String text) {
        StringBuilder out = new StringBuilder();
        for (char c : text.toCharArray()) {
            if (c == '\\') {
                out.append("\\\\");
            } else if (c < ' ') {
                out.append(String.format("\\x%02x", (int) c));
            } else {
                out.append(c);
            }
        }
        return out.toString();
    }

    private static String reason(Throwable error) {
        String last = null;
        for (Throwable at = error; at != null; at = at.getCause()) {
            if (at.getMessage() != null) {
                last = at.getMessage();
            }
        }
        String line = String.valueOf(last).replaceAll("\\s+", " ").trim();
        return line.length() > 60 ? line.substring(0, 60) : line;
    }
}
