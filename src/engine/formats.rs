//! Finds the format of a table (Flink's `FactoryUtil`).

use crate::base::{Error, ErrorKind, Result, nearest};
use crate::options::{Opt, OptKind, OptionReader};
use crate::table::{
    DecodeRequest, DecoderFactory, EncodeRequest, EncoderFactory, Format, FormatResolver,
};
use std::sync::Arc;

const FORMAT: Opt = Opt::new("format", OptKind::String, "Format of the record's value.");
const KEY_FORMAT: Opt = Opt::new("key.format", OptKind::String, "Format of the record's key.");
const VALUE_FORMAT: Opt = Opt::new(
    "value.format",
    OptKind::String,
    "Format of the record's value; the same as `format`.",
);

/// Formats of Flink that are known and not there yet.
const LATER_FORMATS: [&str; 2] = ["orc", "parquet"];

/// Resolves formats from a list.
#[derive(Debug)]
pub(super) struct Formats<'a>(pub(super) &'a [Arc<dyn Format>]);

/// A format as a table names it, and the prefix of its options.
struct Named {
    format: Arc<dyn Format>,
    prefix: String,
}

impl Formats<'_> {
    fn named_value(&self, options: &OptionReader<'_>) -> Result<Named> {
        let (opt, name, outer) = match (options.string(&FORMAT), options.string(&VALUE_FORMAT)) {
            (Some(name), _) => (&FORMAT, name, ""),
            (None, Some(name)) => (&VALUE_FORMAT, name, "value."),
            (None, None) => {
                return Err(Error::new(
                    ErrorKind::Option,
                    format!("missing required option 'format' for {}", options.subject()),
                )
                .with_hint(format!("Supported formats: {}", self.names().join(", "))));
            }
        };
        self.named(options, opt, &name, outer)
    }

    fn named_key(&self, options: &OptionReader<'_>) -> Result<Named> {
        let name = options.required(&KEY_FORMAT)?;
        self.named(options, &KEY_FORMAT, &name, "key.")
    }

    fn named(
        &self,
        options: &OptionReader<'_>,
        opt: &Opt,
        name: &str,
        outer: &str,
    ) -> Result<Named> {
        let Some(format) = self.0.iter().find(|format| format.identifier() == name) else {
            if LATER_FORMATS.contains(&name) {
                let what = format!("format '{name}', for {}", options.subject());
                return Err(options.at(opt, Error::unsupported(what)));
            }
            let names = self.names();
            let mut error =
                options.invalid(opt, format_args!("could not find any format '{name}'"));
            let near =
                nearest(name, names.iter().copied()).map(|near| format!("did you mean '{near}'? "));
            error = error.with_hint(format!(
                "{}Supported formats: {}",
                near.unwrap_or_default(),
                names.join(", ")
            ));
            return Err(error);
        };
        Ok(Named { format: Arc::clone(format), prefix: format!("{outer}{name}.") })
    }

    fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|format| format.identifier()).collect()
    }
}

impl FormatResolver for Formats<'_> {
    fn value_format(&self, options: &OptionReader<'_>) -> Result<Arc<dyn Format>> {
        Ok(self.named_value(options)?.format)
    }

    fn key_format(&self, options: &OptionReader<'_>) -> Result<Arc<dyn Format>> {
        Ok(self.named_key(options)?.format)
    }

    fn value_decoder(
        &self,
        options: &OptionReader<'_>,
        request: DecodeRequest,
    ) -> Result<DecoderFactory> {
        self.named_value(options)?.decoder(options, request)
    }

    fn value_encoder(
        &self,
        options: &OptionReader<'_>,
        request: EncodeRequest,
    ) -> Result<EncoderFactory> {
        self.named_value(options)?.encoder(options, request)
    }

    fn key_decoder(
        &self,
        options: &OptionReader<'_>,
        request: DecodeRequest,
    ) -> Result<DecoderFactory> {
        self.named_key(options)?.decoder(options, request)
    }

    fn key_encoder(
        &self,
        options: &OptionReader<'_>,
        request: EncodeRequest,
    ) -> Result<EncoderFactory> {
        self.named_key(options)?.encoder(options, request)
    }
}

impl Named {
    fn decoder(self, options: &OptionReader<'_>, request: DecodeRequest) -> Result<DecoderFactory> {
        let own = options.owned(&self.prefix);
        // Once now, so that wrong options are refused before anything starts.
        self.format.decoder(&options.scoped(&self.prefix), &request)?;
        Ok(Arc::new(move || own.with(|options| self.format.decoder(options, &request))))
    }

    fn encoder(self, options: &OptionReader<'_>, request: EncodeRequest) -> Result<EncoderFactory> {
        let own = options.owned(&self.prefix);
        self.format.encoder(&options.scoped(&self.prefix), &request)?;
        Ok(Arc::new(move || own.with(|options| self.format.encoder(options, &request))))
    }
}
