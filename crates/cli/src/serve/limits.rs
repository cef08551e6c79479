//! Flags about what uploads may take of the server.

use bytesize::ByteSize;
use clap::Args;
use humantime::Duration;
use server::{Allowed, UploadLimits};

/// Limits of uploads. Sizes are numbers of bytes, or such as 500MB and 10GiB; times are such as 30s and 24h.
#[derive(Args)]
#[command(next_help_heading = "Uploads")]
pub struct LimitArgs {
    /// Most bytes of one file.
    #[arg(long, value_name = "SIZE", default_value = "256GiB")]
    max_upload: ByteSize,
    /// Most uploads that are begun and not whole.
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    max_unfinished: u32,
    /// Most bytes that unfinished uploads may be promised together.
    #[arg(long, value_name = "SIZE", default_value = "1TiB")]
    max_unfinished_bytes: ByteSize,
    /// How long an upload waits for its next byte before it is given up.
    #[arg(long, value_name = "TIME", default_value = "24h")]
    upload_expiry: Duration,
    /// Free space of the disk that uploads leave alone.
    #[arg(long, value_name = "SIZE", default_value = "1GiB")]
    reserve: ByteSize,
    /// How long a request may pause while it sends something.
    #[arg(long, value_name = "TIME", default_value = "30s")]
    body_pause: Duration,
    /// Fewest bytes a second that a request may send.
    #[arg(long, value_name = "SIZE", default_value = "1KiB")]
    body_rate: ByteSize,
    /// A network, address or host that files may be pulled from although it is no part of the public internet; may be
    /// given several times.
    #[arg(long, value_name = "CIDR|HOST")]
    pull_allow: Vec<Allowed>,
    /// How long a pull may take, with all its attempts.
    #[arg(long, value_name = "TIME", default_value = "12h")]
    pull_time: Duration,
}

impl LimitArgs {
    /// The limits as the server reads them.
    pub fn limits(&self) -> UploadLimits {
        UploadLimits {
            max_size: self.max_upload.as_u64(),
            max_unfinished: self.max_unfinished,
            max_unfinished_bytes: self.max_unfinished_bytes.as_u64(),
            expiry: self.upload_expiry.into(),
            reserve: self.reserve.as_u64(),
            body_pause: self.body_pause.into(),
            body_rate: self.body_rate.as_u64(),
            pull_allow: self.pull_allow.clone(),
            pull_time: self.pull_time.into(),
            ..UploadLimits::default()
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
        limits: LimitArgs,
    }

    #[test]
    fn the_flags_have_the_defaults_of_the_server() {
        let flags = Line::parse_from(["x"]).limits.limits();
        assert_eq!(
            format!("{flags:?}"),
            format!("{:?}", UploadLimits::default())
        );
        let line = [
            "x",
            "--reserve",
            "5GB",
            "--upload-expiry",
            "90m",
            "--pull-allow",
            "10.0.0.0/8",
        ];
        let flags = Line::parse_from(line).limits.limits();
        assert_eq!(
            (flags.reserve, flags.expiry.as_secs()),
            (5_000_000_000, 5_400)
        );
        assert_eq!(flags.pull_allow.len(), 1);
        for wrong in [
            ["x", "--reserve", "many"],
            ["x", "--upload-expiry", "1"],
            ["x", "--pull-allow", "a b"],
        ] {
            assert!(Line::try_parse_from(wrong).is_err());
        }
    }
}
