//! Names that librdkafka, and what is built on it, gives to what Java names otherwise: users bring
//! them along.

/// What to set instead of a property of librdkafka that Java does not have.
pub(super) fn instead_of(key: &str) -> Option<&'static str> {
    Some(match key {
        "metadata.broker.list" => "bootstrap.servers",
        "sasl.mechanisms" => "sasl.mechanism",
        "sasl.username" | "sasl.password" => {
            "sasl.jaas.config, such as '…PlainLoginModule required username=\"…\" password=\"…\";'"
        }
        "sasl.oauthbearer.client.id" => "sasl.oauthbearer.client.credentials.client.id",
        "sasl.oauthbearer.client.secret" => "sasl.oauthbearer.client.credentials.client.secret",
        "ssl.ca.location" => "ssl.truststore.location, which may be a PEM file",
        "ssl.ca.pem" => "ssl.truststore.certificates",
        "ssl.certificate.location" | "ssl.key.location" => {
            "ssl.keystore.location, which may be a PEM file that holds certificate and key"
        }
        "ssl.certificate.pem" => "ssl.keystore.certificate.chain",
        "ssl.key.pem" => "ssl.keystore.key",
        "compression.codec" => "compression.type",
        "message.max.bytes" => "max.request.size",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use crate::ClientConfig;

    #[test]
    fn names_of_librdkafka_are_answered_with_javas() {
        let warned = |key: &str| {
            let pairs = [("bootstrap.servers", "localhost:9092"), (key, "x")];
            ClientConfig::parse(pairs).unwrap().1.remove(0).message
        };
        for (key, java) in [
            ("sasl.mechanisms", "set sasl.mechanism"),
            ("sasl.username", "set sasl.jaas.config"),
            ("sasl.password", "set sasl.jaas.config"),
            ("ssl.ca.location", "set ssl.truststore.location"),
            ("ssl.certificate.location", "set ssl.keystore.location"),
            ("ssl.key.location", "set ssl.keystore.location"),
        ] {
            let message = warned(key);
            assert!(message.contains(java) && message.contains("librdkafka"), "{message}");
        }
        assert!(!warned("ssl.ca.locations").contains("librdkafka"));
        for protocol in ["sasl_ssl", "plaintext"] {
            let pairs = [
                ("bootstrap.servers", "localhost:9092"),
                ("security.protocol", protocol),
                ("sasl.mechanism", "PLAIN"),
                ("sasl.jaas.config", "PlainLoginModule required username=u password=p;"),
            ];
            assert!(ClientConfig::parse(pairs).is_ok(), "{protocol}");
        }
    }

    /// An error ends the program before its warnings are printed.
    #[test]
    fn what_is_missing_is_told_with_the_name_that_was_given() {
        let error = ClientConfig::parse([
            ("bootstrap.servers", "localhost:9092"),
            ("security.protocol", "sasl_plaintext"),
            ("sasl.mechanisms", "PLAIN"),
        ]);
        let text = error.unwrap_err().to_string();
        assert!(text.starts_with("sasl.mechanisms is not a property"), "{text}");
        assert!(text.contains("sasl.mechanism is missing"), "{text}");
    }
}
