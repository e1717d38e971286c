//! What a record store needs of a model: handed to a macro of oarlock's that leaves it out where the feature `store` is off, so that nobody else
//! pays for it.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

use super::{Model, ModelField};

impl Model<'_> {
    /// Writes the impl of `Record`.
    pub(super) fn record(&self) -> TokenStream {
        let (name, private) = (self.name, &self.private);
        let (puts, fields) = (self.puts(), self.fields_read());
        let keys = self.key();
        let key_puts = keys.iter().enumerate().map(|(place, field)| {
            let (ty, private, place) = (field.ty, self.private_at(field), syn::Index::from(place));
            let part = if keys.len() == 1 { quote!(key) } else { quote!(&key.#place) };
            quote_spanned!(field.span()=> #private::Sink::put(sink, <#ty as #private::Stored>::stored(#part)?.as_ref())?;)
        });
        let has_rules = |field: &ModelField<'_>| {
            !field.options.rules.is_empty() || field.options.max_length.is_some() || field.options.embed.is_some()
        };
        let validate = self.stored().any(has_rules).then(|| {
            quote! {
                fn validate(&self) -> #private::Result<()> {
                    #private::validate_record(self)
                }
            }
        });
        quote! {
            #private::record! {
                #[automatically_derived]
                #[diagnostic::do_not_recommend]
                impl #private::Record for #name {
                    type Key = <#name as #private::Model>::Key;

                    fn definition() -> &'static #private::Definition {
                        static DEFINITION: ::std::sync::OnceLock<#private::Definition> = ::std::sync::OnceLock::new();
                        DEFINITION.get_or_init(|| #private::record_definition(<#name as #private::Model>::table()))
                    }

                    fn encode_key<S: #private::Sink>(key: &Self::Key, sink: &mut S) -> #private::Result<()> {
                        #(#key_puts)*
                        ::core::result::Result::Ok(())
                    }

                    fn encode<S: #private::Sink>(&self, sink: &mut S) -> #private::Result<()> {
                        #(#puts)*
                        ::core::result::Result::Ok(())
                    }

                    fn decode<'f, F: #private::Fields<'f>>(fields: &mut F) -> #private::Result<Self> {
                        ::core::result::Result::Ok(Self { #(#fields),* })
                    }

                    #validate
                }
            }
        }
    }

    /// Writes the impl of `RecordPart`, for a struct that stands in others.
    pub(super) fn record_part(&self) -> TokenStream {
        let (name, private) = (self.name, &self.private);
        let (puts, fields) = (self.puts(), self.fields_read());
        quote! {
            #private::record! {
                #[automatically_derived]
                #[diagnostic::do_not_recommend]
                impl #private::RecordPart for #name {
                    fn encode<S: #private::Sink>(&self, sink: &mut S) -> #private::Result<()> {
                        #(#puts)*
                        ::core::result::Result::Ok(())
                    }

                    fn decode<'f, F: #private::Fields<'f>>(fields: &mut F) -> #private::Result<Self> {
                        ::core::result::Result::Ok(Self { #(#fields),* })
                    }
                }
            }
        }
    }

    /// Writes how each field's value is given.
    fn puts(&self) -> Vec<TokenStream> {
        let put = |field: &ModelField<'_>| {
            let (ident, ty, private) = (field.ident, field.ty, self.private_at(field));
            if field.options.embed.is_some() {
                quote_spanned!(field.span()=> <#ty as #private::RecordPart>::encode(&self.#ident, sink)?;)
            } else if field.options.json.is_some() {
                quote_spanned!(field.span()=> #private::Sink::put(sink, <#ty as #private::Document>::stored(&self.#ident)?.as_ref())?;)
            } else {
                quote_spanned!(field.span()=> #private::Sink::put(sink, <#ty as #private::Stored>::stored(&self.#ident)?.as_ref())?;)
            }
        };
        self.stored().map(put).collect()
    }

    /// Writes how each field is made of the next value.
    fn fields_read(&self) -> Vec<TokenStream> {
        let read = |field: &ModelField<'_>| {
            let (ident, ty, label, private) = (field.ident, field.ty, &field.label, self.private_at(field));
            if !field.is_stored() {
                quote_spanned!(field.span()=> #ident: <#ty as ::core::default::Default>::default())
            } else if field.options.embed.is_some() {
                quote_spanned!(field.span()=> #ident: <#ty as #private::RecordPart>::decode(fields)?)
            } else if field.options.json.is_some() {
                quote_spanned!(field.span()=> #ident: #private::field_json(fields, #label)?)
            } else {
                quote_spanned!(field.span()=> #ident: #private::field(fields, #label)?)
            }
        };
        self.fields.iter().map(read).collect()
    }
}
