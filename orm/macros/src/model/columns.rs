//! The definition as constants, and reading a row.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{Ident, Lit};

use super::attributes::{Action, DefaultOption, ForeignKey, RuleOption};
use super::{Model, ModelField};
use crate::case::Case;

impl Model<'_> {
    /// Writes the impl of `Model`.
    pub(super) fn definition(&self) -> TokenStream {
        let (name, private) = (self.name, &self.private);
        let text = name.unraw().to_string();
        let table = self.table_name();
        let schema = optional(self.options.schema.as_ref().map(syn::LitStr::value));
        let comment = optional(self.options.comment.as_ref().map(syn::LitStr::value));
        let fields = self.field_definitions();
        let keys = self.key();
        let key_names = keys.iter().map(|field| &field.name);
        let key_type = match keys.as_slice() {
            [only] => {
                let ty = only.ty;
                quote!(#ty)
            }
            several => {
                let types = several.iter().map(|field| field.ty);
                quote!((#(#types,)*))
            }
        };
        let key_fields: Vec<&Ident> = keys.iter().map(|field| field.ident).collect();
        let key = match key_fields.as_slice() {
            [only] => quote!(::core::clone::Clone::clone(&self.#only)),
            several => quote!((#(::core::clone::Clone::clone(&self.#several),)*)),
        };
        let key_values = keys.iter().enumerate().map(|(place, field)| {
            let (ty, private, place) = (field.ty, self.private_at(field), syn::Index::from(place));
            let part = if keys.len() == 1 { quote!(key) } else { quote!(&key.#place) };
            quote_spanned!(field.span()=> <#ty as #private::Stored>::copied(#part)?)
        });
        let foreign_keys = self.foreign_keys();
        let uniques = self.groups(&self.options.uniques, |field| field.options.unique.is_some());
        let indexes = self.groups(&self.options.indexes, |field| field.options.index.is_some());
        let checks = &self.options.checks;
        let values = self.values();
        let reads = self.reads();
        let count = self.column_count();
        let hooks = self.hooks();
        quote! {
            #[automatically_derived]
            #[diagnostic::do_not_recommend]
            impl #private::Model for #name {
                type Key = #key_type;

                const TABLE: &'static str = #table;

                const DEF: #private::ModelDef = #private::ModelDef {
                    name: #text,
                    table: #table,
                    schema: #schema,
                    comment: #comment,
                    fields: &[#(#fields),*],
                    key: &[#(#key_names),*],
                    foreign_keys: &[#(#foreign_keys),*],
                    uniques: &[#(#uniques),*],
                    indexes: &[#(#indexes),*],
                    checks: &[#(#checks),*],
                };

                fn table() -> &'static #private::TableInfo {
                    static TABLE: ::std::sync::OnceLock<#private::TableInfo> = ::std::sync::OnceLock::new();
                    TABLE.get_or_init(|| #private::TableInfo::new(<#name as #private::Model>::DEF))
                }

                fn key(&self) -> Self::Key {
                    #key
                }

                fn key_values(key: &Self::Key) -> #private::Result<::std::vec::Vec<#private::Value>> {
                    ::core::result::Result::Ok(::std::vec![#(#key_values),*])
                }

                fn value(&self, column: usize) -> #private::Result<#private::Bound<'_>> {
                    #values
                }

                #[inline]
                fn read(columns: &[usize], row: #private::RowRef<'_>) -> #private::Result<Self> {
                    let columns: &[usize; #count] = #private::exactly(columns)?;
                    ::core::result::Result::Ok(Self { #(#reads),* })
                }

                #hooks
            }
        }
    }

    /// Writes the functions that call the program's hooks, where it has some.
    fn hooks(&self) -> Option<TokenStream> {
        let private = &self.private;
        self.options.hooks.map(|_| {
            quote! {
                fn before_create(draft: &mut #private::Draft<'_, Self>) -> #private::Result<()> {
                    <Self as #private::Hooks>::before_create(draft)
                }

                fn before_update(draft: &mut #private::Draft<'_, Self>) -> #private::Result<()> {
                    <Self as #private::Hooks>::before_update(draft)
                }

                fn before_delete(&self) -> #private::Result<()> {
                    <Self as #private::Hooks>::before_delete(self)
                }
            }
        })
    }

    /// Writes the impl of `FromRow`, which finds columns by their names.
    pub(super) fn reading(&self) -> TokenStream {
        let (name, private) = (self.name, &self.private);
        quote! {
            #[automatically_derived]
            impl #private::FromRow for #name {
                type Plan = ::std::boxed::Box<[usize]>;

                fn plan(columns: &[#private::Column]) -> #private::Result<Self::Plan> {
                    #private::plan_model::<Self>(columns)
                }

                #[inline]
                fn from_row(plan: &Self::Plan, row: #private::RowRef<'_>) -> #private::Result<Self> {
                    <Self as #private::Model>::read(plan, row)
                }

                fn is_null(plan: &Self::Plan, row: #private::RowRef<'_>) -> #private::Result<bool> {
                    #private::is_null(plan, &[], row)
                }
            }
        }
    }

    /// Writes the impl of `Embed`, for a struct that stands in others.
    pub(super) fn embedded(&self) -> syn::Result<TokenStream> {
        let (name, private) = (self.name, &self.private);
        self.check_embedded()?;
        let fields = self.field_definitions();
        let values = self.values();
        let reads = self.reads();
        let count = self.column_count();
        let constants = self.constants();
        let record = self.record_part();
        Ok(quote! {
            #[automatically_derived]
            #[diagnostic::do_not_recommend]
            impl #private::Embed for #name {
                const COLUMNS: usize = #count;

                const FIELDS: &'static [#private::FieldDef] = &[#(#fields),*];

                fn value(&self, column: usize) -> #private::Result<#private::Bound<'_>> {
                    #values
                }

                #[inline]
                fn read(columns: &[usize], row: #private::RowRef<'_>) -> #private::Result<Self> {
                    let columns: &[usize; #count] = #private::exactly(columns)?;
                    ::core::result::Result::Ok(Self { #(#reads),* })
                }
            }

            #constants
            #record
        })
    }

    fn table_name(&self) -> String {
        self.options
            .table
            .as_ref()
            .map_or_else(|| Case::Snake.apply(&self.name.unraw().to_string()), syn::LitStr::value)
    }

    /// Writes how many columns there are.
    fn column_count(&self) -> TokenStream {
        let counts = self.stored().map(|field| {
            let (ty, private) = (field.ty, self.private_at(field));
            if field.options.embed.is_some() {
                quote_spanned!(field.span()=> <#ty as #private::Embed>::COLUMNS)
            } else {
                quote!(1)
            }
        });
        quote!(0 #(+ #counts)*)
    }

    fn field_definitions(&self) -> Vec<TokenStream> {
        self.stored().map(|field| self.field_definition(field)).collect()
    }

    fn field_definition(&self, field: &ModelField<'_>) -> TokenStream {
        let private = self.private_at(field);
        let (name, column, ty) = (&field.name, &field.column, field.ty);
        let options = &field.options;
        if options.embed.is_some() {
            let prefix = options.prefix.as_ref().map_or_else(|| format!("{column}_"), syn::LitStr::value);
            return quote_spanned! {field.span()=>
                #private::FieldDef {
                    name: #name,
                    kind: #private::FieldKind::Embedded { prefix: #prefix, fields: <#ty as #private::Embed>::FIELDS },
                }
            };
        }
        let (column_type, nullable) = if options.json.is_some() {
            let held = quote_spanned!(field.span()=> <#private::Json<#ty> as #private::ColumnType>);
            (quote!(#held::column_type), quote!(#held::NULLABLE))
        } else {
            let held = quote_spanned!(field.span()=> <#ty as #private::Stored>);
            (quote!(#held::stored_type), quote!(#held::MAY_BE_NULL))
        };
        let mut said = Vec::new();
        let role = [
            (options.auto, quote!(Auto)),
            (options.version, quote!(Version)),
            (options.created_at, quote!(CreatedAt)),
            (options.updated_at, quote!(UpdatedAt)),
            (options.soft_delete, quote!(DeletedAt)),
        ];
        if let Some((_, role)) = role.iter().find(|(span, _)| span.is_some()) {
            said.push(quote!(role: #private::Role::#role));
        }
        if let Some(default) = self.default_definition(field) {
            said.push(quote!(default: ::core::option::Option::Some(#default)));
        }
        if let Some(length) = &options.max_length {
            said.push(quote!(max_length: ::core::option::Option::Some(#length)));
        }
        if let Some((digits, scale)) = &options.precision {
            said.push(quote!(precision: ::core::option::Option::Some((#digits, #scale))));
        }
        let rules = self.rules(field);
        if !rules.is_empty() {
            said.push(quote!(rules: &[#(#rules),*]));
        }
        if options.native_enum.is_some() {
            said.push(quote!(native_enum: true));
        }
        // A model says so of its fields together with those of several.
        let (unique, index) = (options.unique.is_some(), options.index.is_some());
        if self.options.embedded {
            said.push(quote!(unique: #unique, index: #index));
        }
        let texts =
            [("native", &options.native), ("comment", &options.comment), ("renamed_from", &options.renamed_from)];
        for (option, text) in texts {
            if let Some(text) = text {
                let option = Ident::new(option, text.span());
                said.push(quote!(#option: ::core::option::Option::Some(#text)));
            }
        }
        quote_spanned! {field.span()=>
            #private::FieldDef {
                name: #name,
                kind: #private::FieldKind::Column(#private::ColumnDef {
                    #(#said,)*
                    ..#private::ColumnDef::new(#column, #column_type, #nullable)
                }),
            }
        }
    }

    fn rules(&self, field: &ModelField<'_>) -> Vec<TokenStream> {
        let private = &self.private;
        let ty = field.ty;
        let own = field.options.rules.iter().map(|rule| match rule {
            RuleOption::MinLength(count) => quote!(#private::Rule::MinLength(#count)),
            RuleOption::Min(least) => quote!(#private::Rule::Min(#least)),
            RuleOption::Max(most) => quote!(#private::Rule::Max(#most)),
            RuleOption::NotBlank => quote!(#private::Rule::NotBlank),
            RuleOption::Email => quote!(#private::Rule::Email),
            RuleOption::Function(function) => {
                let span = syn::spanned::Spanned::span(function);
                let private = self.private_with(span);
                quote_spanned!(span=> #private::Rule::Function(|value| #private::validate::<#ty, _>(value, |value| #function(value))))
            }
        });
        let length = field.options.max_length.iter().map(|count| quote!(#private::Rule::MaxLength(#count)));
        own.chain(length).collect()
    }

    fn default_definition(&self, field: &ModelField<'_>) -> Option<TokenStream> {
        let private = &self.private;
        let options = &field.options;
        if let Some(sql) = &options.default_sql {
            return Some(quote!(#private::DefaultDef::Sql(#sql)));
        }
        Some(match options.default.as_ref()? {
            DefaultOption::Now(_) => quote!(#private::DefaultDef::Now),
            DefaultOption::Uuid(_) => quote!(#private::DefaultDef::Uuid),
            DefaultOption::Literal(Lit::Bool(truth)) => quote!(#private::DefaultDef::Bool(#truth)),
            DefaultOption::Literal(Lit::Int(number)) => quote!(#private::DefaultDef::Int(#number)),
            DefaultOption::Literal(Lit::Float(number)) => {
                let digits = number.base10_digits();
                quote!(#private::DefaultDef::Number(#digits))
            }
            DefaultOption::Literal(literal) => quote!(#private::DefaultDef::Text(#literal)),
        })
    }

    fn foreign_keys(&self) -> Vec<TokenStream> {
        let own = self.fields.iter().filter_map(|field| field.options.references.as_ref());
        own.chain(&self.options.foreign_keys).map(|key| self.foreign_key(key)).collect()
    }

    fn foreign_key(&self, key: &ForeignKey) -> TokenStream {
        let model = &key.model;
        let fields = key.fields.iter().map(|field| field.unraw().to_string());
        let referenced = key.referenced.iter().map(|field| field.unraw().to_string());
        let action = |given: &Option<Action>| {
            Ident::new(given.as_ref().map_or("NoAction", |action| action.variant), proc_macro2::Span::call_site())
        };
        let (on_delete, on_update) = (action(&key.on_delete), action(&key.on_update));
        let span = proc_macro2::Span::call_site().located_at(syn::spanned::Spanned::span(model));
        let private = self.private_with(span);
        quote_spanned! {span=>
            #private::ForeignKeyDef {
                fields: &[#(#fields),*],
                table: <#model as #private::Model>::TABLE,
                model: <#model as #private::Model>::table,
                referenced: &[#(#referenced),*],
                on_delete: #private::Action::#on_delete,
                on_update: #private::Action::#on_update,
            }
        }
    }

    /// Writes groups of fields: those of single fields, and those of the struct's attribute.
    fn groups(&self, several: &[Vec<Ident>], single: impl Fn(&ModelField<'_>) -> bool) -> Vec<TokenStream> {
        let own = self.stored().filter(|field| single(field)).map(|field| vec![field.name.clone()]);
        own.chain(several.iter().map(|fields| fields.iter().map(|field| field.unraw().to_string()).collect()))
            .map(|names| quote!(&[#(#names),*]))
            .collect()
    }

    /// Writes the body of the function that gives a column's value.
    fn values(&self) -> TokenStream {
        let private = &self.private;
        let mut before = quote!(0);
        let mut arms = Vec::new();
        for field in self.stored() {
            let (ident, ty, private) = (field.ident, field.ty, self.private_at(field));
            if field.options.embed.is_some() {
                arms.push(quote_spanned! {field.span()=>
                    if column < (#before) + <#ty as #private::Embed>::COLUMNS {
                        return <#ty as #private::Embed>::value(&self.#ident, column - (#before));
                    }
                });
                before = quote!(#before + <#ty as #private::Embed>::COLUMNS);
            } else {
                let value = if field.options.json.is_some() {
                    quote_spanned!(field.span()=> <#ty as #private::Document>::stored(&self.#ident))
                } else {
                    quote_spanned!(field.span()=> <#ty as #private::Stored>::stored(&self.#ident))
                };
                arms.push(quote!(if column == #before { return #value; }));
                before = quote!(#before + 1);
            }
        }
        quote! {
            #(#arms)*
            ::core::result::Result::Err(#private::no_column(column))
        }
    }

    /// Writes how each field is read.
    fn reads(&self) -> Vec<TokenStream> {
        let mut before = quote!(0);
        let mut reads = Vec::new();
        for field in &self.fields {
            let (ident, ty, label, private) = (field.ident, field.ty, &field.label, self.private_at(field));
            if !field.is_stored() {
                reads.push(quote_spanned!(field.span()=> #ident: <#ty as ::core::default::Default>::default()));
                continue;
            }
            if field.options.embed.is_some() {
                let count = quote_spanned!(field.span()=> <#ty as #private::Embed>::COLUMNS);
                reads.push(quote_spanned! {field.span()=>
                    #ident: <#ty as #private::Embed>::read(&columns[#before..(#before) + #count], row)?
                });
                before = quote!(#before + #count);
                continue;
            }
            reads.push(if field.options.json.is_some() {
                quote_spanned!(field.span()=> #ident: <#ty as #private::Document>::read(row, columns[#before], #label)?)
            } else {
                quote_spanned!(field.span()=> #ident: <#ty as #private::Stored>::read(row, columns[#before], #label)?)
            });
            before = quote!(#before + 1);
        }
        reads
    }
}

fn optional(text: Option<String>) -> TokenStream {
    text.map_or_else(|| quote!(::core::option::Option::None), |text| quote!(::core::option::Option::Some(#text)))
}
