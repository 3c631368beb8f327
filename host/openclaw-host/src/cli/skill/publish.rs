//! `skill sign|publish`: what a publisher does; no host has to run.

use std::path::{Path, PathBuf};

use claw_core::id::Digest;
use claw_core::rfc3339;
use claw_package::{
    BareKey, Document, Fetcher, PATIENCE, PackageError, PublicKey, Signatures, SigningKey, Source, verify,
};
use claw_vault::Zeroizing;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::cli::{Exit, Failure, Output};
use crate::home::Home;
use crate::host::now;
use crate::packages;
use crate::settings::{self, Env, Flags, PackageSettings};
use crate::terminal;
use crate::vault::{self, Missing};

/// The secret under which a publisher's key is kept.
const KEY_NAME: &str = "publisher/minisign";

/// Signs a file: the signature and the key to check it with lie beside it then.
pub(super) fn sign(
    file: &Path,
    secret_key: Option<&Path>,
    home: &Path,
    env: &Env,
    output: &Output,
) -> Result<Exit, Failure> {
    let bytes = std::fs::read(file).map_err(|err| unreadable(file, err))?;
    let key = match secret_key {
        Some(path) => key_in_file(path)?,
        None => own_key(home, env)?,
    };
    let public = key.public().map_err(failed)?.to_string();
    let comment = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let signature = key.sign(&bytes, &comment).map_err(failed)?;
    let beside = signature_of(file);
    let key_file = file.with_file_name("minisign.pub");
    std::fs::write(&beside, &signature)?;
    std::fs::write(&key_file, format!("untrusted comment: minisign public key\n{public}\n"))?;
    let data = json!({ "signature": beside, "publicKey": key_file, "key": public });
    output.data(&data, |_| format!("`{}` is signed by the key {public}", file.display()))?;
    Ok(Exit::Ok)
}

/// The publisher's key in the vault; made when it is first needed.
fn own_key(home: &Path, env: &Env) -> Result<SigningKey, Failure> {
    let vault_key = settings::vault_key(home)?;
    Home::open(home)?;
    let vault = vault::open(home, vault_key, env, Missing::Make)?;
    if let Some(secret) = vault.get(KEY_NAME)? {
        return SigningKey::parse(secret.expose(), None).map_err(failed);
    }
    let key = SigningKey::generate().map_err(failed)?;
    let text = Zeroizing::new(key.to_text().map_err(failed)?);
    vault.set(KEY_NAME, text, Vec::new(), Vec::new(), now())?;
    eprintln!("a key was made and is kept in the vault as `{KEY_NAME}`: packages that it signs are known as yours");
    Ok(key)
}

fn key_in_file(path: &Path) -> Result<SigningKey, Failure> {
    let text = Zeroizing::new(std::fs::read_to_string(path).map_err(|err| unreadable(path, err))?);
    if let Ok(key) = SigningKey::parse(&text, None) {
        return Ok(key);
    }
    let password = terminal::ask("Password of the key (not shown): ")?;
    SigningKey::parse(&text, Some(password.to_string())).map_err(failed)
}

/// Publishes a component to a registry, with its signature if it has one and with what people read of it.
pub(super) async fn publish(
    file: &Path,
    reference: &str,
    home: &Path,
    env: &Env,
    output: &Output,
) -> Result<Exit, Failure> {
    let Source::Oci(reference) = Source::parse(reference).map_err(failed)? else {
        return Err(Failure::message(Exit::Usage, "write where to publish as `oci://HOST/REPOSITORY:TAG`"));
    };
    let wasm = std::fs::read(file).map_err(|err| unreadable(file, err))?;
    let settings = settings::read(home, &Flags::default())?.settings;
    let signatures = signatures(file, &wasm, &settings.packages)?;
    let beside = std::path::absolute(file)?;
    let documents = Document::in_folder(beside.parent().unwrap_or(Path::new("/"))).map_err(failed)?;
    let names: Vec<_> = documents.iter().map(|it| it.name.clone()).collect();
    let vault = vault::open(home, settings.vault, env, Missing::Leave)?;
    let login = packages::login(&vault, &reference.host)?;
    let fetcher = Fetcher::new(settings.roots.extra(), PATIENCE).map_err(failed)?;
    let created = rfc3339::format(now());
    let published = fetcher.publish(&reference, login, wasm.into(), signatures, documents, &created).await;
    let published = published.map_err(failed)?;
    let pinned = format!("{reference}@sha256:{}", published.manifest);
    let data = json!({ "reference": pinned, "component": published.component, "signed": published.is_signed, "documents": names });
    let signed = if published.is_signed { "with its signature" } else { "unsigned" };
    let with: String = names.iter().map(|name| format!(", with {name}")).collect();
    output.data(&data, |_| format!("published {signed} as {pinned}{with}"))?;
    Ok(Exit::Ok)
}

/// What is beside a file, which all has to fit: nobody else would take it.
fn signatures(file: &Path, wasm: &[u8], settings: &PackageSettings) -> Result<Signatures, Failure> {
    let signatures = Signatures::beside(file).map_err(failed)?;
    if let Some((signature, key)) = &signatures.minisign {
        let key = key.as_ref().ok_or_else(|| {
            Failure::message(Exit::Failed, "there is a signature, but no `minisign.pub` beside it")
                .hint("`openclaw-host skill sign` writes both")
        })?;
        let key = PublicKey::parse(key).map_err(failed)?;
        verify(wasm, signature, &key).map_err(failed)?;
    }
    if let Some(bundle) = &signatures.bundle {
        let digest = Digest(Sha256::digest(wasm).into());
        let key = std::fs::read_to_string(file.with_file_name("cosign.pub")).ok();
        let key = key.map(|key| BareKey::from_pem(&key)).transpose().map_err(failed)?;
        if settings.sigstore().verify(bundle, &[digest], key.as_slice()).map_err(failed)?.is_none() {
            let message =
                "the Sigstore bundle beside it says something of the file, and is no signature of its publisher";
            let hint = "`cosign sign-blob --bundle` writes one that is; one that is made with a key needs `cosign.pub` beside it";
            return Err(Failure::message(Exit::Failed, message).hint(hint));
        }
    }
    Ok(signatures)
}

fn signature_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".minisig");
    name.into()
}

fn unreadable(path: &Path, err: std::io::Error) -> Failure {
    Failure::new(Exit::Failed, anyhow::Error::new(err).context(format!("cannot read `{}`", path.display())))
}

fn failed(err: PackageError) -> Failure {
    Failure::new(Exit::Failed, err)
}
