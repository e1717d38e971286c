//! `embed_migrations!`.

use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::TokenStream;
use quote::quote;
use syn::LitStr;

/// Writes the source of the files in a directory. Their texts are taken in by `include_str!`, so that cargo builds anew when one of
/// them changes.
pub(crate) fn expand(directory: &LitStr) -> syn::Result<TokenStream> {
    let wrong = |message: String| syn::Error::new(directory.span(), message);
    let name = directory.value();
    let package = std::env::var("CARGO_MANIFEST_DIR")
        .map_err(|_| wrong("cargo does not say where the package is, from which the path is taken".to_owned()))?;
    let root = PathBuf::from(package).join(&name);
    let files = read(&root).map_err(wrong)?;
    let entries = files.iter().map(|path| {
        let within = format!("/{name}/{path}");
        quote!((#path, ::core::include_str!(::core::concat!(::core::env!("CARGO_MANIFEST_DIR"), #within))))
    });
    Ok(quote!(::oarlock::migrate::Source::embedded(#directory, &[#(#entries),*])))
}

/// Lists the files of SQL in a directory, and in the directories in it, by name.
fn read(root: &Path) -> Result<Vec<String>, String> {
    let real = fs::canonicalize(root).map_err(|error| format!("{} cannot be read: {error}", root.display()))?;
    let mut files = Vec::new();
    for (name, entry) in entries(root)? {
        inside(&real, &entry)?;
        if !entry.is_dir() {
            files.push(name);
            continue;
        }
        for (file, entry) in entries(&entry)? {
            inside(&real, &entry)?;
            if !entry.is_dir() {
                files.push(format!("{name}/{file}"));
            }
        }
    }
    files.retain(|path| Path::new(path).extension().is_some_and(|extension| extension == "sql"));
    Ok(files)
}

fn entries(directory: &Path) -> Result<Vec<(String, PathBuf)>, String> {
    let failed = |error| format!("{} cannot be read: {error}", directory.display());
    let mut entries = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().into_string();
        let name = name.map_err(|name| format!("the name of {} is not Unicode", directory.join(name).display()))?;
        entries.push((name, entry.path()));
    }
    entries.sort();
    Ok(entries)
}

fn inside(real: &Path, entry: &Path) -> Result<(), String> {
    let found = fs::canonicalize(entry).map_err(|error| format!("{} cannot be read: {error}", entry.display()))?;
    if found.starts_with(real) {
        return Ok(());
    }
    Err(format!("{} is a link out of the directory of migrations", entry.display()))
}
