//! Reading `#[model(…)]`.

use proc_macro2::Span;
use syn::meta::ParseNestedMeta;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Attribute, Field, Ident, Lit, LitInt, LitStr, Path, Token, parenthesized};

use crate::attributes::option;
use crate::case::Case;

/// The options of a model.
pub(crate) struct StructOptions {
    pub(crate) krate: Path,
    pub(crate) table: Option<LitStr>,
    pub(crate) schema: Option<LitStr>,
    pub(crate) comment: Option<LitStr>,
    pub(crate) rename_all: Option<Case>,
    pub(crate) embedded: bool,
    pub(crate) hooks: Option<Span>,
    pub(crate) uniques: Vec<Vec<Ident>>,
    pub(crate) indexes: Vec<Vec<Ident>>,
    pub(crate) checks: Vec<LitStr>,
    pub(crate) foreign_keys: Vec<ForeignKey>,
}

/// A foreign key: of a field, or of several.
pub(crate) struct ForeignKey {
    pub(crate) fields: Vec<Ident>,
    pub(crate) model: Path,
    /// The fields there; the primary key without any.
    pub(crate) referenced: Vec<Ident>,
    pub(crate) on_delete: Option<Action>,
    pub(crate) on_update: Option<Action>,
}

/// What happens to a row when the one that it refers to goes or changes its key.
#[derive(Clone)]
pub(crate) struct Action {
    pub(crate) text: LitStr,
    /// The variant of the schema model's `Action`.
    pub(crate) variant: &'static str,
}

impl Action {
    fn parse(text: LitStr) -> syn::Result<Self> {
        let variant = match text.value().as_str() {
            "no action" => "NoAction",
            "restrict" => "Restrict",
            "cascade" => "Cascade",
            "set null" => "SetNull",
            "set default" => "SetDefault",
            other => {
                return Err(syn::Error::new(
                    text.span(),
                    format!(
                        "there is no action {other:?}: it is \"cascade\", \"set null\", \"set default\", \"restrict\" or \"no action\""
                    ),
                ));
            }
        };
        Ok(Self { text, variant })
    }
}

const STRUCT_OPTIONS: [&str; 11] = [
    "table",
    "schema",
    "comment",
    "rename_all",
    "embedded",
    "hooks",
    "unique",
    "index",
    "check",
    "foreign_key",
    "crate",
];

impl StructOptions {
    pub(crate) fn parse(attributes: &[Attribute], name: &Ident) -> syn::Result<Self> {
        let mut options = Self {
            krate: syn::parse_quote!(::oarlock),
            table: None,
            schema: None,
            comment: None,
            rename_all: None,
            embedded: false,
            hooks: None,
            uniques: Vec::new(),
            indexes: Vec::new(),
            checks: Vec::new(),
            foreign_keys: Vec::new(),
        };
        let place = format!("`{name}`");
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("model")) {
            let read = attribute.parse_nested_meta(|meta| {
                match option(&meta, &STRUCT_OPTIONS, &place)?.as_str() {
                    "table" => options.table = Some(meta.value()?.parse()?),
                    "schema" => options.schema = Some(meta.value()?.parse()?),
                    "comment" => options.comment = Some(meta.value()?.parse()?),
                    "rename_all" => options.rename_all = Some(Case::parse(&meta.value()?.parse()?)?),
                    "embedded" => options.embedded = true,
                    "hooks" => options.hooks = Some(meta.path.span()),
                    "unique" => options.uniques.push(idents(&meta)?),
                    "index" => options.indexes.push(idents(&meta)?),
                    "check" => options.checks.push(meta.value()?.parse()?),
                    "foreign_key" => options.foreign_keys.push(foreign_key(&meta)?),
                    _ => options.krate = meta.value()?.parse::<LitStr>()?.parse()?,
                }
                Ok(())
            });
            read.map_err(|error| placed(&error, &place))?;
        }
        Ok(options)
    }
}

/// Reads `(a, b)`.
fn idents(meta: &ParseNestedMeta<'_>) -> syn::Result<Vec<Ident>> {
    let content;
    parenthesized!(content in meta.input);
    Ok(Punctuated::<Ident, Token![,]>::parse_terminated(&content)?.into_iter().collect())
}

/// Reads `(a, b, references = Model(c, d), on_delete = "cascade")`.
fn foreign_key(meta: &ParseNestedMeta<'_>) -> syn::Result<ForeignKey> {
    let mut key = ForeignKey {
        fields: Vec::new(),
        model: syn::parse_quote!(Self),
        referenced: Vec::new(),
        on_delete: None,
        on_update: None,
    };
    let mut found = false;
    meta.parse_nested_meta(|inner| {
        if inner.path.is_ident("references") {
            (key.model, key.referenced) = references(&inner)?;
            found = true;
        } else if inner.path.is_ident("on_delete") {
            key.on_delete = Some(Action::parse(inner.value()?.parse()?)?);
        } else if inner.path.is_ident("on_update") {
            key.on_update = Some(Action::parse(inner.value()?.parse()?)?);
        } else {
            key.fields.push(inner.path.require_ident()?.clone());
        }
        Ok(())
    })?;
    if !found || key.fields.is_empty() {
        return Err(meta.error("a foreign key of several fields is written as `foreign_key(a, b, references = Model)`"));
    }
    Ok(key)
}

/// Reads `= Model` or `= Model(a, b)`.
fn references(meta: &ParseNestedMeta<'_>) -> syn::Result<(Path, Vec<Ident>)> {
    let model: Path = meta.value()?.parse()?;
    let mut fields = Vec::new();
    if meta.input.peek(syn::token::Paren) {
        let content;
        parenthesized!(content in meta.input);
        fields = Punctuated::<Ident, Token![,]>::parse_terminated(&content)?.into_iter().collect();
    }
    Ok((model, fields))
}

/// What a column holds when an insert does not say.
pub(crate) enum DefaultOption {
    Now(Span),
    Uuid(Span),
    Literal(Lit),
}

impl DefaultOption {
    pub(crate) fn span(&self) -> Span {
        match self {
            Self::Now(span) | Self::Uuid(span) => *span,
            Self::Literal(literal) => literal.span(),
        }
    }
}

/// A rule of a field's values.
pub(crate) enum RuleOption {
    MinLength(LitInt),
    Min(syn::Expr),
    Max(syn::Expr),
    NotBlank,
    Email,
    Function(Path),
}

/// A relation of a field.
pub(crate) enum Relation {
    /// By the foreign key of fields of this model.
    BelongsTo(Vec<Ident>),
    /// By the foreign key of fields of the other model; the only one where none are named.
    HasMany(Vec<Ident>),
    HasOne(Vec<Ident>),
    /// By two foreign keys of a third model.
    ManyToMany {
        through: Path,
        from: Vec<Ident>,
        to: Vec<Ident>,
    },
}

impl Relation {
    pub(crate) const fn option(&self) -> &'static str {
        match self {
            Self::BelongsTo(_) => "belongs_to",
            Self::HasMany(_) => "has_many",
            Self::HasOne(_) => "has_one",
            Self::ManyToMany { .. } => "many_to_many",
        }
    }

    pub(crate) const fn type_name(&self) -> &'static str {
        match self {
            Self::BelongsTo(_) => "BelongsTo",
            Self::HasMany(_) => "HasMany",
            Self::HasOne(_) => "HasOne",
            Self::ManyToMany { .. } => "ManyToMany",
        }
    }
}

/// The options of a field.
#[derive(Default)]
pub(crate) struct FieldOptions {
    pub(crate) column: Option<LitStr>,
    pub(crate) primary_key: Option<Span>,
    pub(crate) auto: Option<Span>,
    pub(crate) unique: Option<Span>,
    pub(crate) index: Option<Span>,
    pub(crate) default: Option<DefaultOption>,
    pub(crate) default_sql: Option<LitStr>,
    pub(crate) references: Option<ForeignKey>,
    pub(crate) version: Option<Span>,
    pub(crate) created_at: Option<Span>,
    pub(crate) updated_at: Option<Span>,
    pub(crate) soft_delete: Option<Span>,
    pub(crate) max_length: Option<LitInt>,
    /// The rules other than `max_length`, each with its argument.
    pub(crate) rules: Vec<RuleOption>,
    pub(crate) precision: Option<(LitInt, LitInt)>,
    pub(crate) native_enum: Option<Span>,
    pub(crate) native: Option<LitStr>,
    pub(crate) comment: Option<LitStr>,
    pub(crate) renamed_from: Option<LitStr>,
    pub(crate) embed: Option<Span>,
    pub(crate) prefix: Option<LitStr>,
    pub(crate) json: Option<Span>,
    pub(crate) skip: Option<Span>,
    pub(crate) relation: Option<Relation>,
}

const FIELD_OPTIONS: [&str; 34] = [
    "primary_key",
    "auto",
    "unique",
    "index",
    "default",
    "default_sql",
    "references",
    "on_delete",
    "on_update",
    "belongs_to",
    "has_many",
    "has_one",
    "many_to_many",
    "version",
    "created_at",
    "updated_at",
    "soft_delete",
    "max_length",
    "min_length",
    "min",
    "max",
    "not_blank",
    "email",
    "validate",
    "precision",
    "native_enum",
    "native",
    "json",
    "embed",
    "prefix",
    "skip",
    "column",
    "comment",
    "renamed_from",
];

impl FieldOptions {
    pub(crate) fn parse(field: &Field, label: &str) -> syn::Result<Self> {
        let mut options = Self::default();
        let (mut on_delete, mut on_update) = (None, None);
        let place = format!("field `{label}`");
        for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("model")) {
            let read = attribute.parse_nested_meta(|meta| {
                let span = meta.path.segments[0].ident.span();
                match option(&meta, &FIELD_OPTIONS, &place)?.as_str() {
                    "column" => options.column = Some(meta.value()?.parse()?),
                    "primary_key" => options.primary_key = Some(span),
                    "auto" => options.auto = Some(span),
                    "unique" => options.unique = Some(span),
                    "index" => options.index = Some(span),
                    "default" => options.default = Some(default(&meta)?),
                    "default_sql" => options.default_sql = Some(meta.value()?.parse()?),
                    "references" => {
                        let (model, referenced) = references(&meta)?;
                        let fields = field.ident.iter().cloned().collect();
                        options.references =
                            Some(ForeignKey { fields, model, referenced, on_delete: None, on_update: None });
                    }
                    "on_delete" => on_delete = Some(Action::parse(meta.value()?.parse()?)?),
                    "on_update" => on_update = Some(Action::parse(meta.value()?.parse()?)?),
                    "version" => options.version = Some(span),
                    "created_at" => options.created_at = Some(span),
                    "updated_at" => options.updated_at = Some(span),
                    "soft_delete" => options.soft_delete = Some(span),
                    "max_length" => options.max_length = Some(meta.value()?.parse()?),
                    "min_length" => options.rules.push(RuleOption::MinLength(meta.value()?.parse()?)),
                    "min" => options.rules.push(RuleOption::Min(meta.value()?.parse()?)),
                    "max" => options.rules.push(RuleOption::Max(meta.value()?.parse()?)),
                    "not_blank" => options.rules.push(RuleOption::NotBlank),
                    "email" => options.rules.push(RuleOption::Email),
                    "validate" => options.rules.push(RuleOption::Function(meta.value()?.parse()?)),
                    "precision" => {
                        let content;
                        parenthesized!(content in meta.input);
                        let digits: LitInt = content.parse()?;
                        content.parse::<Token![,]>()?;
                        options.precision = Some((digits, content.parse()?));
                    }
                    "native_enum" => options.native_enum = Some(span),
                    "native" => options.native = Some(meta.value()?.parse()?),
                    "comment" => options.comment = Some(meta.value()?.parse()?),
                    "renamed_from" => options.renamed_from = Some(meta.value()?.parse()?),
                    "embed" => options.embed = Some(span),
                    "prefix" => options.prefix = Some(meta.value()?.parse()?),
                    "json" => options.json = Some(span),
                    "skip" => options.skip = Some(span),
                    relation => options.relation = Some(read_relation(relation, &meta)?),
                }
                Ok(())
            });
            read.map_err(|error| placed(&error, &place))?;
        }
        for (action, name) in [(&on_delete, "on_delete"), (&on_update, "on_update")] {
            if let (Some(action), None) = (action, &options.references) {
                return Err(syn::Error::new(
                    action.text.span(),
                    format!(
                        "{place}: `{name}` needs `references`: write #[model(references = Model, {name} = {:?})]",
                        action.text.value()
                    ),
                ));
            }
        }
        if let Some(key) = &mut options.references {
            (key.on_delete, key.on_update) = (on_delete, on_update);
        }
        options.check(&place)?;
        Ok(options)
    }

    /// Refuses options that contradict each other.
    fn check(&self, place: &str) -> syn::Result<()> {
        if let (None, Some(prefix)) = (self.embed, &self.prefix) {
            return Err(syn::Error::new(
                prefix.span(),
                format!("{place}: `prefix` needs `embed`: write #[model(embed, prefix = {:?})]", prefix.value()),
            ));
        }
        if let Some(relation) = &self.relation {
            let others = [
                ("primary_key", self.primary_key),
                ("auto", self.auto),
                ("unique", self.unique),
                ("index", self.index),
                ("version", self.version),
                ("json", self.json),
                ("embed", self.embed),
                ("skip", self.skip),
            ];
            if let Some((other, Some(span))) = others.iter().find(|(_, span)| span.is_some()) {
                let message =
                    format!("{place}: `{other}` does nothing beside `{}`: a relation is no column", relation.option());
                return Err(syn::Error::new(*span, message));
            }
        }
        if let (Some(auto), None) = (self.auto, self.primary_key) {
            return Err(syn::Error::new(
                auto,
                format!("{place}: `auto` needs `primary_key`: databases number keys only"),
            ));
        }
        Ok(())
    }
}

/// Says in front of an error where it is, unless it says so itself.
fn placed(error: &syn::Error, place: &str) -> syn::Error {
    let message = error.to_string();
    let message = if message.starts_with(place) { message } else { format!("{place}: {message}") };
    syn::Error::new(error.span(), message)
}

fn default(meta: &ParseNestedMeta<'_>) -> syn::Result<DefaultOption> {
    let literal: Lit = meta.value()?.parse()?;
    Ok(match &literal {
        Lit::Str(text) if text.value() == "now" => DefaultOption::Now(text.span()),
        Lit::Str(text) if text.value() == "uuid" => DefaultOption::Uuid(text.span()),
        Lit::Str(_) | Lit::Bool(_) | Lit::Int(_) | Lit::Float(_) => DefaultOption::Literal(literal),
        other => {
            return Err(syn::Error::new(
                other.span(),
                "a default is \"now\", \"uuid\", text, a number or a truth value; SQL is written as `default_sql = \"…\"`",
            ));
        }
    })
}

fn read_relation(option: &str, meta: &ParseNestedMeta<'_>) -> syn::Result<Relation> {
    if option == "many_to_many" {
        return many_to_many(meta);
    }
    let mut fields = Vec::new();
    if meta.input.peek(Token![=]) {
        fields.push(meta.value()?.parse()?);
    } else if meta.input.peek(syn::token::Paren) {
        fields = idents(meta)?;
    }
    Ok(match option {
        "has_many" => Relation::HasMany(fields),
        "has_one" => Relation::HasOne(fields),
        _ if fields.is_empty() => {
            return Err(meta.error("`belongs_to` needs the field that refers: write `belongs_to = author_id`"));
        }
        _ => Relation::BelongsTo(fields),
    })
}

/// Reads `= Model`, or `(Model, from = a, to = b)`.
fn many_to_many(meta: &ParseNestedMeta<'_>) -> syn::Result<Relation> {
    let (mut from, mut to) = (Vec::new(), Vec::new());
    if meta.input.peek(Token![=]) {
        let through = meta.value()?.parse()?;
        return Ok(Relation::ManyToMany { through, from, to });
    }
    let missing = || meta.error("`many_to_many` needs the model that joins: write `many_to_many = PostTag`");
    if !meta.input.peek(syn::token::Paren) {
        return Err(missing());
    }
    let mut through = None;
    meta.parse_nested_meta(|inner| {
        if inner.path.is_ident("from") {
            from.push(inner.value()?.parse()?);
        } else if inner.path.is_ident("to") {
            to.push(inner.value()?.parse()?);
        } else {
            through = Some(inner.path);
        }
        Ok(())
    })?;
    Ok(Relation::ManyToMany { through: through.ok_or_else(missing)?, from, to })
}
