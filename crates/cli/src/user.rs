//! `reelpack user`: the people who log in, looked after beside the server.

use crate::failure::Failure;
use crate::password::PasswordArgs;
use crate::place::{CatalogueArgs, line};
use crate::text;
use clap::{Args, Subcommand};

const EXAMPLES: &str = "\
Examples:
  reelpack user password ada --data-dir /srv/reelpack
      asks for a new password at the terminal; the sessions that the old one began end
  reelpack user password ada --password-file ada.password
  reelpack user list

It works on the catalogue itself, with the rights of who may write to it, while the server runs or not.

Exit codes: 0 done · 2 wrong usage · 65 nobody has this name · 74 the catalogue or the password cannot be read.";

/// List who logs in, and give somebody another password, beside a server that may run.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct UserArgs {
    #[command(subcommand)]
    command: Command,
    /// Write JSON.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    List(ListArgs),
    Password(NewPasswordArgs),
}

/// List everybody who logs in, by name.
#[derive(Args)]
struct ListArgs {
    #[command(flatten)]
    catalogue: CatalogueArgs,
}

/// Give somebody another password, and end the sessions that the old one began.
#[derive(Args)]
struct NewPasswordArgs {
    /// Under which name it logs in.
    name: String,
    #[command(flatten)]
    password: PasswordArgs,
    #[command(flatten)]
    catalogue: CatalogueArgs,
}

/// Does it.
///
/// # Errors
/// [`Failure::Usage`] for what cannot be, [`Failure::Input`] for a name that nobody has, [`Failure::Io`] for a catalogue or
/// a password that cannot be read.
pub fn run(args: &UserArgs) -> Result<(), Failure> {
    match &args.command {
        Command::List(wanted) => {
            let people = server::people(&wanted.catalogue.catalogue()?)?;
            if args.json {
                return text::print_json(&people);
            }
            people.iter().try_for_each(|person| {
                let (name, tenant, since) = (&person.name, &person.tenant_id, &person.created_at);
                line(&format!("{name}  {tenant}  since {since}"))
            })
        }
        Command::Password(wanted) => {
            let at = wanted.catalogue.catalogue()?;
            let password = wanted.password.read(&wanted.name)?;
            server::set_password(&at, &wanted.name, password)?;
            match args.json {
                true => text::print_json(&serde_json::json!({"name": wanted.name})),
                false => line(&format!("{} has another password", wanted.name)),
            }
        }
    }
}
