//! Where AWS credentials come from: the environment, then the files of the AWS tools.

use crate::config::Secret;
use crate::sasl::AwsCredentials;

/// Reads a variable or a file; `None` if there is none.
type Look<'a> = &'a dyn Fn(&str) -> Option<String>;

const NONE: &str = "there are no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a \
                    profile in ~/.aws/credentials (AWS_PROFILE, or awsProfileName in sasl.jaas.config)";

/// Credentials by the order of the AWS tools; a profile that was asked for comes first.
pub(super) fn credentials(
    profile: Option<&str>,
    env: Look<'_>,
    file: Look<'_>,
) -> Result<AwsCredentials, String> {
    if profile.is_none()
        && let (Some(id), Some(secret)) = (env("AWS_ACCESS_KEY_ID"), env("AWS_SECRET_ACCESS_KEY"))
    {
        let session_token = env("AWS_SESSION_TOKEN").map(Secret::new);
        let secret_access_key = Secret::new(secret);
        return Ok(AwsCredentials { access_key_id: id, secret_access_key, session_token });
    }
    let name = profile_name(profile, env);
    let found = ["AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"]
        .into_iter()
        .filter_map(|variable| file(&path(variable, env)?))
        .find_map(|text| {
            let value = |key: &str| in_profile(&text, &name, key);
            Some(AwsCredentials {
                access_key_id: value("aws_access_key_id")?,
                secret_access_key: Secret::new(value("aws_secret_access_key")?),
                session_token: value("aws_session_token").map(Secret::new),
            })
        });
    if let Some(found) = found {
        return Ok(found);
    }
    if let Some(profile) = profile {
        return Err(format!("the AWS profile '{}' holds no keys", profile.escape_debug()));
    }
    let other = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "a web identity"),
        ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "a container"),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "a container"),
    ];
    match other.iter().find(|(variable, _)| env(variable).is_some()) {
        Some((variable, what)) => {
            Err(format!("AWS credentials of {what} ({variable}) are not supported yet: {NONE}"))
        }
        None => Err(format!("{NONE}; credentials of an instance are not supported yet")),
    }
}

/// The region where the environment or a profile names one.
pub(super) fn region(profile: Option<&str>, env: Look<'_>, file: Look<'_>) -> Option<String> {
    env("AWS_REGION").or_else(|| env("AWS_DEFAULT_REGION")).or_else(|| {
        let text = file(&path("AWS_CONFIG_FILE", env)?)?;
        in_profile(&text, &profile_name(profile, env), "region")
    })
}

fn profile_name(profile: Option<&str>, env: Look<'_>) -> String {
    let given = profile.map(str::to_owned).or_else(|| env("AWS_PROFILE"));
    given.unwrap_or_else(|| "default".to_owned())
}

fn path(variable: &str, env: Look<'_>) -> Option<String> {
    let name = if variable == "AWS_CONFIG_FILE" { "config" } else { "credentials" };
    env(variable).or_else(|| Some(format!("{}/.aws/{name}", env("HOME")?)))
}

/// A value in a section `[name]` or `[profile name]`.
fn in_profile(text: &str, profile: &str, key: &str) -> Option<String> {
    let mut inside = false;
    for line in text.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            let section = section.trim();
            inside = section.strip_prefix("profile ").map_or(section, str::trim) == profile;
        } else if inside
            && let Some((name, value)) = line.split_once('=')
            && name.trim() == key
        {
            return Some(value.trim().to_owned()).filter(|value| !value.is_empty());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &'static [(&str, &str)]) -> impl Fn(&str) -> Option<String> {
        |name| pairs.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned())
    }

    const FILES: &[(&str, &str)] = &[
        (
            "/u/.aws/credentials",
            "# keys\n[default]\naws_access_key_id=D\naws_secret_access_key = ds\n\n[dev]\n\
             aws_access_key_id = V\naws_secret_access_key = vs=\naws_session_token = vt\n",
        ),
        ("/u/.aws/config", "[default]\nregion = eu-west-1\n[profile dev]\nregion = us-east-2\n"),
    ];

    #[test]
    fn environment_then_profile() {
        let id = |profile, env: Look<'_>| {
            let found = credentials(profile, env, &env_files)?;
            Ok::<_, String>((found.access_key_id, found.session_token.is_some()))
        };
        fn env_files(path: &str) -> Option<String> {
            env(FILES)(path)
        }
        let keys =
            env(&[("HOME", "/u"), ("AWS_ACCESS_KEY_ID", "E"), ("AWS_SECRET_ACCESS_KEY", "es")]);
        assert_eq!(id(None, &keys), Ok(("E".to_owned(), false)));
        assert_eq!(id(Some("dev"), &keys), Ok(("V".to_owned(), true)));
        let home = env(&[("HOME", "/u"), ("AWS_PROFILE", "default")]);
        assert_eq!(id(None, &home), Ok(("D".to_owned(), false)));
        assert!(id(Some("other"), &home).unwrap_err().contains("'other'"));
        assert_eq!(region(Some("dev"), &home, &env_files).as_deref(), Some("us-east-2"));
        let web = env(&[("AWS_WEB_IDENTITY_TOKEN_FILE", "/t")]);
        assert!(id(None, &web).unwrap_err().contains("not supported yet"));
        assert!(id(None, &env(&[])).unwrap_err().contains("AWS_ACCESS_KEY_ID"));
    }
}
