//! EXPLAIN JSON_EXECUTION_PLAN: the steps of a plan as Flink's `StreamGraph` writes its nodes.

use std::fmt::Write as _;

/// The nodes of a plan given as text: one step a line, the last step first, its inputs below it and indented by two blanks.
pub(super) fn json(plan: &str) -> String {
    let steps: Vec<(usize, &str)> = plan
        .lines()
        .map(|line| {
            let step = line.trim_start();
            ((line.len() - step.len()) / 2, step)
        })
        .collect();
    let id = |at: usize| steps.len() - at;
    let nodes: Vec<String> = steps
        .iter()
        .enumerate()
        .rev()
        .map(|(at, (depth, step))| {
            let below = steps.iter().enumerate().skip(at + 1).take_while(|(_, (d, _))| d > depth);
            let inputs = below.filter(|(_, (d, _))| *d == depth + 1).map(|(input, _)| id(input));
            node(id(at), step, &inputs.collect::<Vec<_>>())
        })
        .collect();
    format!("{{\n  \"nodes\" : [ {} ]\n}}\n", nodes.join(", "))
}

fn node(id: usize, step: &str, inputs: &[usize]) -> String {
    let name = step.split('(').next().unwrap_or_default();
    let pact = match name {
        "Scan" | "Values" => "Data Source",
        "Sink" => "Data Sink",
        _ => "Operator",
    };
    let text = |text: &str| serde_json::Value::from(text).to_string();
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _: std::fmt::Result = write!(
        out,
        "{{\n    \"id\" : {id},\n    \"type\" : {},\n    \"pact\" : \"{pact}\",\n    \"contents\" : {},\n    \"parallelism\" : 1",
        text(&format!("{name}[{id}]")),
        text(&format!("[{id}]:{step}")),
    );
    if !inputs.is_empty() {
        let edge = |input: &usize| {
            format!(
                "{{\n      \"id\" : {input},\n      \"ship_strategy\" : \"FORWARD\",\n      \"side\" : \"second\"\n    }}"
            )
        };
        let edges: Vec<String> = inputs.iter().map(edge).collect();
        let _: std::fmt::Result = write!(out, ",\n    \"predecessors\" : [ {} ]", edges.join(", "));
    }
    out.push_str("\n  }");
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_step_is_a_node_that_names_its_inputs() {
        let plan = "Sink(table=[p])\n  Union(all=[true])\n    Scan(table=[a])\n    Project(select=[1 AS \"x\"])\n      Scan(table=[b])\n";
        let json: serde_json::Value = serde_json::from_str(&super::json(plan)).unwrap();
        let nodes = json["nodes"].as_array().unwrap();
        let shown: Vec<String> = nodes
            .iter()
            .map(|node| {
                let inputs = node["predecessors"].as_array().into_iter().flatten();
                let inputs: Vec<String> = inputs.map(|input| input["id"].to_string()).collect();
                format!("{} {} of {}", node["pact"], node["contents"], inputs.join("+"))
            })
            .collect();
        assert_eq!(
            shown,
            [
                r#""Data Source" "[1]:Scan(table=[b])" of "#,
                r#""Operator" "[2]:Project(select=[1 AS \"x\"])" of 1"#,
                r#""Data Source" "[3]:Scan(table=[a])" of "#,
                r#""Operator" "[4]:Union(all=[true])" of 3+2"#,
                r#""Data Sink" "[5]:Sink(table=[p])" of 4"#,
            ]
        );
    }
}
