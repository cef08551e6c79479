//! `reelpack token`: what programs come in with, made and revoked beside the server.

use crate::failure::Failure;
use crate::place::{CatalogueArgs, line};
use crate::text;
use clap::{Args, Subcommand};
use serde::Serialize;
use server::{Catalogue, Token, TokenWish};
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  (umask 077; reelpack token create --name ingest --scope assets:read --scope assets:write > ingest.token)
      a token in a file that `reelpack push --token-file ingest.token` shows
  reelpack token list --data-dir /srv/reelpack
  reelpack token revoke tok_3kq0…

It works on the catalogue itself, with the rights of who may write to it, while the server runs or not. The secret of a token is written
to stdout once, and stored as a hash.

Exit codes: 0 done · 2 wrong usage · 65 there is no such token or tenant · 74 the catalogue cannot be used.";

/// Make, list and revoke tokens of programs, beside a server that may run.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct TokenArgs {
    #[command(subcommand)]
    command: Command,
    /// Write JSON.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    Create(CreateArgs),
    List(ListArgs),
    Revoke(RevokeArgs),
}

/// Make a token, and write its secret to stdout.
#[derive(Args)]
struct CreateArgs {
    /// What it is for.
    #[arg(long)]
    name: String,
    /// What it allows: assets:read, assets:write, jobs:read, jobs:write, keys:read, playback:sign, webhooks:read,
    /// webhooks:write, admin. Give it several times, or with commas between.
    #[arg(long = "scope", required = true, value_delimiter = ',')]
    scopes: Vec<String>,
    /// For how long it is good, such as 1h or 30days; two years at most.
    #[arg(long, value_name = "TIME", default_value = "90days", value_parser = humantime::parse_duration)]
    expires_in: Duration,
    /// Whose things it opens [default: those of the first tenant].
    #[arg(long, value_name = "ID")]
    tenant: Option<String>,
    #[command(flatten)]
    catalogue: CatalogueArgs,
}

/// List tokens, newest first, without their secrets.
#[derive(Args)]
struct ListArgs {
    /// Those of one tenant alone.
    #[arg(long, value_name = "ID")]
    tenant: Option<String>,
    #[command(flatten)]
    catalogue: CatalogueArgs,
}

/// Revoke a token, at once and for good.
#[derive(Args)]
struct RevokeArgs {
    /// The id of the token: tok_….
    id: String,
    #[command(flatten)]
    catalogue: CatalogueArgs,
}

/// Does it.
///
/// # Errors
/// [`Failure::Usage`] for what cannot be, [`Failure::Input`] for what is not there, [`Failure::Io`] for a catalogue that
/// cannot be used.
pub fn run(args: &TokenArgs) -> Result<(), Failure> {
    match &args.command {
        Command::Create(wanted) => create(wanted, args.json),
        Command::List(wanted) => {
            let tokens = server::tokens(&wanted.catalogue.catalogue()?, wanted.tenant.as_deref())?;
            list(&tokens, args.json)
        }
        Command::Revoke(wanted) => {
            server::revoke_token(&wanted.catalogue.catalogue()?, &wanted.id)?;
            match args.json {
                true => text::print_json(&serde_json::json!({"id": wanted.id, "revoked": true})),
                false => line(&format!("{} opens nothing any more", wanted.id)),
            }
        }
    }
}

/// A token with its secret, as the API answers.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    token: &'a Token,
    secret: &'a str,
}

fn create(args: &CreateArgs, json: bool) -> Result<(), Failure> {
    let wish = TokenWish {
        name: args.name.clone(),
        scopes: args.scopes.clone(),
        expires_in: Some(i64::try_from(args.expires_in.as_secs()).unwrap_or(i64::MAX)),
        tenant: args.tenant.clone(),
    };
    let at: Catalogue = args.catalogue.catalogue()?;
    let made = server::make_token(&at, &wish)?;
    let token = &made.token;
    if json {
        let secret = &made.secret;
        return text::print_json(&Shown { token, secret });
    }
    text::note(&format!(
        "{} opens {} of {} until {}; its secret is shown this once",
        token.id,
        token.scopes.join(", "),
        token.tenant_id,
        token.expires_at
    ));
    line(&made.secret)
}

fn list(tokens: &[Token], json: bool) -> Result<(), Failure> {
    if json {
        return text::print_json(&tokens);
    }
    for token in tokens {
        let end = match &token.revoked_at {
            Some(at) => format!("revoked {at}"),
            None => format!("until {}", token.expires_at),
        };
        let used = match &token.last_used_at {
            Some(at) => format!("last used {at}"),
            None => "never used".to_owned(),
        };
        line(&format!(
            "{}  {}  {}  {end}  {used}  {}",
            token.id,
            token.tenant_id,
            token.scopes.join(","),
            token.name
        ))?;
    }
    Ok(())
}
