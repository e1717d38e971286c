//! Reading `#[row(…)]` and `#[value(…)]`.

use proc_macro2::Span;
use syn::meta::ParseNestedMeta;
use syn::{Attribute, Field, LitStr, Path, Type};

use crate::case::Case;

/// The options of a type.
pub(crate) struct Container {
    /// Where the generated code finds oarlock.
    pub(crate) private: Path,
    pub(crate) rename_all: Option<Case>,
    pub(crate) try_from: Option<Type>,
    pub(crate) into: Option<Type>,
}

impl Container {
    /// Reads `#[row(…)]` on a struct.
    pub(crate) fn row(attributes: &[Attribute]) -> syn::Result<Self> {
        Self::parse(attributes, "row", &["rename_all", "crate"])
    }

    /// Reads `#[value(…)]` on a newtype or an enum.
    pub(crate) fn value(attributes: &[Attribute]) -> syn::Result<Self> {
        Self::parse(attributes, "value", &["rename_all", "try_from", "into", "crate"])
    }

    fn parse(attributes: &[Attribute], name: &str, known: &[&str]) -> syn::Result<Self> {
        let mut krate: Path = syn::parse_quote!(::oarlock);
        let (mut rename_all, mut try_from, mut into) = (None, None, None);
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident(name)) {
            attribute.parse_nested_meta(|meta| {
                match option(&meta, known, "the type")?.as_str() {
                    "rename_all" => rename_all = Some(Case::parse(&meta.value()?.parse()?)?),
                    "try_from" => try_from = Some(meta.value()?.parse::<LitStr>()?.parse()?),
                    "into" => into = Some(meta.value()?.parse::<LitStr>()?.parse()?),
                    _ => krate = meta.value()?.parse::<LitStr>()?.parse()?,
                }
                Ok(())
            })?;
        }
        Ok(Self { private: syn::parse_quote!(#krate::__private), rename_all, try_from, into })
    }
}

/// The options of a field of a row.
#[derive(Default)]
pub(crate) struct FieldOptions {
    pub(crate) rename: Option<LitStr>,
    pub(crate) default: Option<Span>,
    pub(crate) skip: Option<Span>,
    pub(crate) flatten: Option<Span>,
    pub(crate) prefix: Option<LitStr>,
    pub(crate) json: Option<Span>,
    pub(crate) try_from: Option<Type>,
    pub(crate) into: Option<Type>,
}

const FIELD_OPTIONS: [&str; 8] = ["rename", "default", "skip", "flatten", "prefix", "json", "try_from", "into"];

impl FieldOptions {
    pub(crate) fn parse(field: &Field, name: &str) -> syn::Result<Self> {
        let mut options = Self::default();
        for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("row")) {
            attribute.parse_nested_meta(|meta| {
                let span = meta.path.segments[0].ident.span();
                match option(&meta, &FIELD_OPTIONS, &format!("field `{name}`"))?.as_str() {
                    "rename" => options.rename = Some(meta.value()?.parse()?),
                    "default" => options.default = Some(span),
                    "skip" => options.skip = Some(span),
                    "flatten" => options.flatten = Some(span),
                    "prefix" => options.prefix = Some(meta.value()?.parse()?),
                    "json" => options.json = Some(span),
                    "try_from" => options.try_from = Some(meta.value()?.parse::<LitStr>()?.parse()?),
                    _ => options.into = Some(meta.value()?.parse::<LitStr>()?.parse()?),
                }
                Ok(())
            })?;
        }
        options.check(name)?;
        Ok(options)
    }

    /// Refuses options that contradict each other.
    fn check(&self, name: &str) -> syn::Result<()> {
        let rename = ("rename", self.rename.as_ref().map(LitStr::span));
        let default = ("default", self.default);
        let json = ("json", self.json);
        let try_from = ("try_from", self.try_from.as_ref().map(syn::spanned::Spanned::span));
        let into = ("into", self.into.as_ref().map(syn::spanned::Spanned::span));
        let prefix = ("prefix", self.prefix.as_ref().map(LitStr::span));
        let flatten = ("flatten", self.flatten);
        let refuse = |main: &str, others: &[(&str, Option<Span>)], why: &str| {
            for (other, span) in others {
                if let Some(span) = span {
                    let message = format!("field `{name}`: `{other}` does nothing beside `{main}`: {why}");
                    return Err(syn::Error::new(*span, message));
                }
            }
            Ok(())
        };
        if self.skip.is_some() {
            refuse("skip", &[rename, default, json, try_from, into, prefix, flatten], "no column is read")?;
        }
        if self.flatten.is_some() {
            refuse("flatten", &[rename, default, json, try_from, into], "the field is a struct of several columns")?;
        }
        if self.json.is_some() {
            refuse("json", &[try_from, into], "serde converts the document")?;
        }
        match &self.prefix {
            Some(prefix) if self.flatten.is_none() => Err(syn::Error::new(
                prefix.span(),
                format!(
                    "field `{name}`: `prefix` needs `flatten`: write #[row(flatten, prefix = {:?})]",
                    prefix.value()
                ),
            )),
            _ => Ok(()),
        }
    }
}

/// Reads `#[value(rename = "…")]` on a variant.
pub(crate) fn variant_rename(attributes: &[Attribute], variant: &str) -> syn::Result<Option<LitStr>> {
    let mut rename = None;
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("value")) {
        attribute.parse_nested_meta(|meta| {
            option(&meta, &["rename"], &format!("variant `{variant}`"))?;
            rename = Some(meta.value()?.parse()?);
            Ok(())
        })?;
    }
    Ok(rename)
}

/// Gives the option's name if it is known; the error lists those that are.
pub(crate) fn option(meta: &ParseNestedMeta<'_>, known: &[&str], place: &str) -> syn::Result<String> {
    let name = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
    if known.contains(&name.as_str()) {
        return Ok(name);
    }
    Err(meta.error(format!("{place}: unknown option `{name}`; the options are {}", known.join(", "))))
}
