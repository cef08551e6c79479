//! Flags about the listeners and what they serve.

use bytesize::ByteSize;
use clap::Args;
use server::ServingConfig;

/// How files of packages are served. Sizes are as those of uploads.
#[derive(Args)]
#[command(next_help_heading = "Serving")]
pub struct ServingArgs {
    /// Memory for files of packages: half of it keeps those that are often asked for.
    #[arg(long, value_name = "SIZE", default_value = "128MiB")]
    media_memory: ByteSize,
    /// An origin, such as https://player.example, whose pages may read media and licences; may be given several times
    /// [default: any].
    #[arg(long, value_name = "ORIGIN", value_parser = origin)]
    cors_origin: Vec<String>,
}

impl ServingArgs {
    /// The settings as the server reads them.
    pub fn config(&self) -> ServingConfig {
        ServingConfig {
            media_memory: self.media_memory.as_u64(),
            cors_origins: self.cors_origin.clone(),
        }
    }
}

/// Reads an origin as browsers write it.
fn origin(text: &str) -> Result<String, String> {
    let url = url::Url::parse(text).map_err(|error| error.to_string())?;
    let origin = url.origin().ascii_serialization();
    match origin == text {
        true => Ok(origin),
        false => {
            Err("an origin is a scheme, a host and perhaps a port: https://HOST[:PORT]".into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        serving: ServingArgs,
    }

    #[test]
    fn the_flags_have_the_defaults_of_the_server() {
        let flags = Line::parse_from(["x"]).serving.config();
        assert_eq!(
            format!("{flags:?}"),
            format!("{:?}", ServingConfig::default())
        );
        let good = ["x", "--cors-origin", "https://a.example:8443"];
        let flags = Line::parse_from(good).serving.config();
        assert_eq!(flags.cors_origins, ["https://a.example:8443"]);
        for wrong in [
            "*",
            "null",
            "a.example",
            "https://a.example/",
            "https://A.example",
        ] {
            assert!(
                Line::try_parse_from(["x", "--cors-origin", wrong]).is_err(),
                "{wrong}"
            );
        }
    }
}
