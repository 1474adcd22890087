//! From one table per API to structs, encoders, decoders and a description of the layout.
//!
//! A table is written in `messages!`: the `api` line has the key, the versions that we speak and
//! the first flexible one (KIP-482); below it, one struct per struct of Kafka's own specification,
//! with the same fields in the same order:
//!
//! ```text
//! field: Type [versions, null versions, tag number, ignorable] = default;
//! ```
//!
//! Versions are `3+` or `0-12`. `null` gives the versions in which null is allowed; the type is an
//! `Option` then. A `tag` makes a tagged field of it. An `ignorable` field is dropped by versions
//! that lack it; any other field that is set is an `EncodeError` there. Without `= default` a
//! field starts as zero, empty, or `Some` of these.

/// The text between the brackets of a field.
macro_rules! rules {
    (@ $rules:expr;) => { $rules };
    (@ $rules:expr; , $($rest:tt)+) => { $crate::wire::table::rules!(@ $rules; $($rest)+) };
    (@ $rules:expr; null $from:literal + $($rest:tt)*) => {
        $crate::wire::table::rules!(@ $crate::wire::layout::Rules { null_from: $from, null_to: i16::MAX, ..$rules }; $($rest)*)
    };
    (@ $rules:expr; null $from:literal - $to:literal $($rest:tt)*) => {
        $crate::wire::table::rules!(@ $crate::wire::layout::Rules { null_from: $from, null_to: $to, ..$rules }; $($rest)*)
    };
    (@ $rules:expr; tag $tag:literal $($rest:tt)*) => {
        $crate::wire::table::rules!(@ $crate::wire::layout::Rules { tag: Some($tag), ..$rules }; $($rest)*)
    };
    (@ $rules:expr; ignorable $($rest:tt)*) => {
        $crate::wire::table::rules!(@ $crate::wire::layout::Rules { ignorable: true, ..$rules }; $($rest)*)
    };
    (@ $rules:expr; $from:literal + $($rest:tt)*) => {
        $crate::wire::table::rules!(@ $crate::wire::layout::Rules { from: $from, to: i16::MAX, ..$rules }; $($rest)*)
    };
    (@ $rules:expr; $from:literal - $to:literal $($rest:tt)*) => {
        $crate::wire::table::rules!(@ $crate::wire::layout::Rules { from: $from, to: $to, ..$rules }; $($rest)*)
    };
    ($($all:tt)+) => { $crate::wire::table::rules!(@ $crate::wire::layout::Rules::ALWAYS; $($all)+) };
}
pub(crate) use rules;

/// The default of a field: the one of the table, or the one of its type.
macro_rules! initial {
    ($type:ty) => {
        <$type as $crate::wire::layout::Wire>::initial()
    };
    ($type:ty, $default:expr) => {
        $default
    };
}
pub(crate) use initial;

/// The table of an API; see the head of this module.
macro_rules! messages {
    (
        api $api:ident {
            key: $key:literal,
            versions: $min:literal ..= $max:literal,
            flexible_from: $flexible:literal,
            $request:ident => $response:ident
        }
        $(
            struct $name:ident {
                $( $field:ident : $type:ty [$($rules:tt)+] $(= $default:expr)? ; )*
            }
        )+
    ) => {
        /// The API of this module.
        pub const API: $crate::wire::layout::ApiSpec = $crate::wire::layout::ApiSpec {
            name: stringify!($api),
            key: $key,
            version_min: $min,
            version_max: $max,
            flexible_from: $flexible,
        };

        impl $crate::wire::layout::Request for $request {
            type Response = $response;
            const NAME: &'static str = stringify!($api);
            const KEY: i16 = $key;
            const VERSIONS: std::ops::RangeInclusive<i16> = $min..=$max;
            const FLEXIBLE_FROM: i16 = $flexible;
        }

        $crate::wire::table::body!($request);
        $crate::wire::table::body!($response);

        $(
            #[doc = concat!("Kafka's `", stringify!($name), "`.")]
            #[derive(Clone, Debug, PartialEq)]
            pub struct $name {
                $( pub $field: $type, )*
            }

            impl Default for $name {
                fn default() -> Self {
                    Self { $( $field: $crate::wire::table::initial!($type $(, $default)?), )* }
                }
            }

            #[allow(non_upper_case_globals, reason = "one constant per field, named like it")]
            impl $name {
                $(
                    const $field: $crate::wire::layout::Rules =
                        $crate::wire::table::rules!($($rules)+);
                )*
            }

            impl $crate::wire::layout::Wire for $name {
                const SPEC: $crate::wire::layout::TypeSpec = $crate::wire::layout::TypeSpec::Struct(
                    stringify!($name),
                    &[$( $crate::wire::layout::FieldSpec {
                        name: stringify!($field),
                        layout: <$type as $crate::wire::layout::Wire>::SPEC,
                        rules: Self::$field,
                        default: stringify!($($default)?),
                    } ),*],
                );

                fn initial() -> Self {
                    Self::default()
                }

                fn wire_bytes_min(at: $crate::wire::layout::At) -> usize {
                    let mut bytes = usize::from(at.flexible);
                    $(
                        if Self::$field.inline(at.version) {
                            let field = <$type as $crate::wire::layout::Wire>::wire_bytes_min(at);
                            bytes = bytes.saturating_add(field);
                        }
                    )*
                    bytes
                }

                fn put(
                    &self,
                    writer: &mut $crate::wire::Writer,
                    at: $crate::wire::layout::At,
                ) -> Result<(), $crate::wire::EncodeError> {
                    use $crate::wire::layout::{At, Wire};
                    let mut tagged = $crate::wire::writer::TaggedFields::default();
                    $(
                        writer.enter(concat!(stringify!($name), ".", stringify!($field)), at.version);
                        let at = At { nullable: Self::$field.nullable(at.version), ..at };
                        if Self::$field.inline(at.version) {
                            Wire::put(&self.$field, writer, at)?;
                        } else if (Self::$field.tag.is_some() || !Self::$field.ignorable)
                            && self.$field != $crate::wire::table::initial!($type $(, $default)?)
                        {
                            match Self::$field.tag {
                                Some(tag) if Self::$field.present(at.version) => {
                                    tagged.add(writer, tag, |writer| Wire::put(&self.$field, writer, at))?;
                                }
                                _ if Self::$field.ignorable => {}
                                _ => return Err(writer.error($crate::wire::EncodeFault::Absent)),
                            }
                        }
                    )*
                    if at.flexible {
                        tagged.finish(writer);
                    }
                    Ok(())
                }

                fn take(
                    reader: &mut $crate::wire::Reader,
                    at: $crate::wire::layout::At,
                ) -> Result<Self, $crate::wire::DecodeError> {
                    use $crate::wire::layout::{At, Wire};
                    let mut value = Self::default();
                    $(
                        if Self::$field.inline(at.version) {
                            reader.enter(concat!(stringify!($name), ".", stringify!($field)));
                            let nullable = Self::$field.nullable(at.version);
                            value.$field = Wire::take(reader, At { nullable, ..at })?;
                        }
                    )*
                    if at.flexible {
                        reader.enter(concat!(stringify!($name), " tags"));
                        reader.tagged_fields(|tag, reader| {
                            $(
                                if Self::$field.tag == Some(tag) && Self::$field.present(at.version) {
                                    reader.enter(concat!(stringify!($name), ".", stringify!($field)));
                                    let nullable = Self::$field.nullable(at.version);
                                    value.$field = Wire::take(reader, At { nullable, ..at })?;
                                    return Ok(true);
                                }
                            )*
                            Ok(false)
                        })?;
                    }
                    Ok(value)
                }
            }
        )+
    };
}
pub(crate) use messages;

/// Lets a struct be null: a byte in front of it says whether it is (negative) or not.
macro_rules! nullable {
    ($name:ident) => {
        impl $crate::wire::layout::Wire for Option<$name> {
            const SPEC: $crate::wire::layout::TypeSpec =
                <$name as $crate::wire::layout::Wire>::SPEC;

            fn initial() -> Self {
                Some($name::default())
            }

            fn wire_bytes_min(_: $crate::wire::layout::At) -> usize {
                1
            }

            fn put(
                &self,
                writer: &mut $crate::wire::Writer,
                at: $crate::wire::layout::At,
            ) -> Result<(), $crate::wire::EncodeError> {
                let at = $crate::wire::layout::At { nullable: false, ..at };
                writer.i8(if self.is_some() { 1 } else { -1 });
                self.iter().try_for_each(|value| $crate::wire::layout::Wire::put(value, writer, at))
            }

            fn take(
                reader: &mut $crate::wire::Reader,
                at: $crate::wire::layout::At,
            ) -> Result<Self, $crate::wire::DecodeError> {
                let at = $crate::wire::layout::At { nullable: false, ..at };
                match reader.i8()? {
                    ..0 => Ok(None),
                    _ => $crate::wire::layout::Wire::take(reader, at).map(Some),
                }
            }
        }
    };
}
pub(crate) use nullable;

/// [`Message`] for an outermost struct.
macro_rules! body {
    ($name:ident) => {
        impl $crate::wire::layout::Message for $name {
            const SPEC: $crate::wire::layout::MessageSpec = $crate::wire::layout::MessageSpec {
                api: API,
                layout: <Self as $crate::wire::layout::Wire>::SPEC,
            };

            fn encode(
                &self,
                writer: &mut $crate::wire::Writer,
                version: i16,
            ) -> Result<(), $crate::wire::EncodeError> {
                writer.enter(stringify!($name), version);
                let at = $crate::wire::layout::At {
                    version,
                    flexible: version >= API.flexible_from,
                    nullable: false,
                };
                if !API.has(version) {
                    return Err(writer.error($crate::wire::EncodeFault::Version));
                }
                $crate::wire::layout::Wire::put(self, writer, at)
            }

            fn decode(
                reader: &mut $crate::wire::Reader,
                version: i16,
            ) -> Result<Self, $crate::wire::DecodeError> {
                reader.enter(stringify!($name));
                let at = $crate::wire::layout::At {
                    version,
                    flexible: version >= API.flexible_from,
                    nullable: false,
                };
                if !API.has(version) {
                    return Err(reader.error($crate::wire::DecodeFault::Version(version)));
                }
                $crate::wire::layout::Wire::take(reader, at)
            }
        }
    };
}
pub(crate) use body;
