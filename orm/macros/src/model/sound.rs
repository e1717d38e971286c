//! What contradicts itself in a model: found by the macro, or by the compiler where other models and types have a say.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{GenericArgument, Ident, Lit, LitStr, PathArguments, Type, TypePath};

use super::attributes::{DefaultOption, FieldOptions};
use super::relations::{names, shown};
use super::{Model, ModelField};

/// What a builder can do beside setting fields: see `setters`.
const BUILDER_WORDS: [&str; 3] = ["exec", "sql", "with"];

impl Model<'_> {
    /// Refuses what contradicts itself.
    pub(super) fn check(&self) -> syn::Result<()> {
        let name = self.name;
        if self.key().is_empty() {
            return Err(syn::Error::new(
                name.span(),
                format!(
                    "`{name}`: a model needs a primary key: write #[model(primary_key)] on its field, and `auto` if the database numbers it"
                ),
            ));
        }
        let once = [
            ("auto", self.spans(|options| options.auto)),
            ("version", self.spans(|options| options.version)),
            ("created_at", self.spans(|options| options.created_at)),
            ("updated_at", self.spans(|options| options.updated_at)),
            ("soft_delete", self.spans(|options| options.soft_delete)),
        ];
        for (option, spans) in once {
            if let [_, second, ..] = spans.as_slice() {
                return Err(syn::Error::new(*second, format!("`{name}`: only one field can be `{option}`")));
            }
        }
        let mut columns: Vec<(&str, &ModelField<'_>)> = Vec::new();
        for field in self.stored().filter(|field| field.options.embed.is_none()) {
            if let Some((_, other)) = columns.iter().find(|(column, _)| *column == field.column) {
                let message = format!(
                    "field `{}`: the column {:?} is that of `{}`; rename one of them",
                    field.label, field.column, other.label
                );
                return Err(syn::Error::new(field.ident.span(), message));
            }
            columns.push((&field.column, field));
        }
        if let Some(field) = self.stored().find(|field| BUILDER_WORDS.contains(&field.name.as_str())) {
            let (label, word, column) = (&field.label, &field.name, &field.column);
            let message = format!(
                "field `{label}`: `{word}` is a word of the builder's, which has a setter for each field: call it something else, and write #[model(column = {column:?})] on it"
            );
            return Err(syn::Error::new(field.ident.span(), message));
        }
        let groups = self.options.uniques.iter().chain(&self.options.indexes);
        let keys = self.options.foreign_keys.iter().map(|key| &key.fields);
        for named in groups.chain(keys).flatten() {
            self.column(named, &format!("`{name}`"))?;
        }
        Ok(())
    }

    /// Refuses what only the model can say that a struct stands in.
    pub(super) fn check_embedded(&self) -> syn::Result<()> {
        let name = self.name;
        for field in &self.fields {
            let options = &field.options;
            let refused = [
                ("primary_key", options.primary_key),
                ("version", options.version),
                ("soft_delete", options.soft_delete),
                ("references", options.references.as_ref().map(|key| key.model.span())),
            ];
            let relation = options.relation.as_ref().map(|relation| (relation.option(), field.ident.span()));
            let found = refused.into_iter().find_map(|(option, span)| Some((option, span?))).or(relation);
            if let Some((option, span)) = found {
                let message =
                    format!("field `{}`: `{option}` belongs into the model that embeds `{name}`", field.label);
                return Err(syn::Error::new(span, message));
            }
        }
        let options = &self.options;
        let first = |groups: &[Vec<Ident>]| groups.iter().flatten().next().map(Ident::span);
        let refused = [
            ("table", options.table.as_ref().map(LitStr::span)),
            ("schema", options.schema.as_ref().map(LitStr::span)),
            ("comment", options.comment.as_ref().map(LitStr::span)),
            ("hooks", options.hooks),
            ("unique", first(&options.uniques)),
            ("index", first(&options.indexes)),
            ("check", options.checks.first().map(LitStr::span)),
            ("foreign_key", options.foreign_keys.first().map(|key| key.model.span())),
        ];
        match refused.into_iter().find_map(|(option, span)| Some((option, span?))) {
            Some((option, span)) => {
                Err(syn::Error::new(span, format!("`{name}`: `{option}` belongs into the model that embeds it")))
            }
            None => Ok(()),
        }
    }

    /// Writes what the compiler has to find out.
    pub(super) fn checks(&self) -> TokenStream {
        let mut checks = Vec::new();
        for field in &self.fields {
            let (label, options) = (&field.label, &field.options);
            if options.soft_delete.is_some() {
                checks.push(self.may_be_null(
                    field,
                    &format!(
                        "field `{label}`: `soft_delete` holds NULL as long as the row is there: make it an Option"
                    ),
                ));
            }
            let actions = options.references.iter().flat_map(|key| [&key.on_delete, &key.on_update]).flatten();
            if actions.into_iter().any(|action| action.variant == "SetNull") {
                checks.push(self.may_be_null(
                    field,
                    &format!("field `{label}`: \"set null\" needs a field that may be NULL: make it an Option"),
                ));
            }
        }
        let own = self.fields.iter().filter_map(|field| Some((&field.label, field.options.references.as_ref()?)));
        let own = own.map(|(label, key)| (format!("field `{label}`"), key));
        let several = self.options.foreign_keys.iter().map(|key| (format!("`{}`", self.name), key));
        for (place, key) in own.chain(several) {
            let Some(first) = key.referenced.first() else { continue };
            let (model, span) = (&key.model, first.span());
            let (private, fields) = (self.private_with(span), names(&key.referenced));
            let model_name = shown(model);
            let message = format!(
                "{place}: `{model_name}` has no column `{}`: name the columns of its key, or write `references = {model_name}`",
                fields.join("`, or none `")
            );
            checks.push(quote_spanned! {span=>
                const _: () = ::core::assert!(<#model as #private::Model>::DEF.has_columns(&[#(#fields),*]), #message);
            });
        }
        quote!(#(#checks)*)
    }

    fn may_be_null(&self, field: &ModelField<'_>, message: &str) -> TokenStream {
        let (ty, span) = (field.ty, field.ty.span());
        let private = self.private_with(span);
        quote_spanned!(span=> const _: () = ::core::assert!(<#ty as #private::Stored>::MAY_BE_NULL, #message);)
    }

    fn spans(&self, option: impl Fn(&FieldOptions) -> Option<Span>) -> Vec<Span> {
        self.fields.iter().filter_map(|field| option(&field.options)).collect()
    }
}

/// What a field's type is called, for what only types of one kind can be. Of a type that the macro does not know, the compiler and the
/// database know more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Integer,
    Float,
    Bool,
    Text,
    Relation,
    Unknown,
}

impl Kind {
    fn of(ty: &Type) -> Self {
        let Type::Path(TypePath { path, .. }) = ty else { return Self::Unknown };
        let Some(last) = path.segments.last() else { return Self::Unknown };
        match last.ident.to_string().as_str() {
            "i16" | "i32" | "i64" | "u16" | "u32" | "u64" | "isize" | "usize" => Self::Integer,
            "f32" | "f64" => Self::Float,
            "bool" => Self::Bool,
            "String" => Self::Text,
            "HasMany" | "HasOne" | "BelongsTo" | "ManyToMany" => Self::Relation,
            "Option" => match &last.arguments {
                PathArguments::AngleBracketed(arguments) => match arguments.args.first() {
                    Some(GenericArgument::Type(inner)) => Self::of(inner),
                    _ => Self::Unknown,
                },
                _ => Self::Unknown,
            },
            _ => Self::Unknown,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Integer => "a whole number",
            Self::Float => "a number",
            Self::Bool => "a truth value",
            Self::Text => "text",
            Self::Relation => "a relation",
            Self::Unknown => "another type",
        }
    }
}

/// Refuses options that do not go with the field's type.
pub(super) fn check_type(options: &FieldOptions, ty: &Type, label: &str) -> syn::Result<()> {
    let kind = Kind::of(ty);
    let refuse = |span: Span, message: &str| {
        Err(syn::Error::new(span, format!("field `{label}`: {message}, and the field is {}", kind.name())))
    };
    if options.relation.is_some() || options.skip.is_some() || options.json.is_some() {
        return Ok(());
    }
    if kind == Kind::Relation {
        let message = format!(
            "field `{label}`: which relation this is has to be said: write #[model(has_many)], `has_one`, `belongs_to = …` or `many_to_many = …`"
        );
        return Err(syn::Error::new(ty.span(), message));
    }
    if !matches!(kind, Kind::Integer | Kind::Unknown) {
        if let Some(span) = options.auto {
            return refuse(span, "`auto` is for whole numbers");
        }
        if let Some(span) = options.version {
            return refuse(span, "`version` counts in a whole number");
        }
    }
    if let (Some(length), Kind::Integer | Kind::Float | Kind::Bool) = (&options.max_length, kind) {
        return refuse(length.span(), "`max_length` is for text and bytes");
    }
    let Some(default) = options.default.as_ref().filter(|_| kind != Kind::Unknown) else { return Ok(()) };
    let kinds: &[Kind] = match default {
        DefaultOption::Now(_) | DefaultOption::Uuid(_) | DefaultOption::Literal(Lit::Str(_)) => &[Kind::Text],
        DefaultOption::Literal(Lit::Int(_)) => &[Kind::Integer, Kind::Float],
        DefaultOption::Literal(Lit::Float(_)) => &[Kind::Float],
        DefaultOption::Literal(_) => &[Kind::Bool],
    };
    if kinds.contains(&kind) { Ok(()) } else { refuse(default.span(), "the default is of another type") }
}
