//! The functions that begin a write, and the setters of its columns.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use super::Model;

impl Model<'_> {
    pub(super) fn setters(&self) -> TokenStream {
        let (name, private, visibility) = (self.name, &self.private, self.visibility);
        let changes = self.named("Changes");
        let doc = format!("What a statement gives [`{name}`]'s columns: a setter for each.");
        let mut before = quote!(0);
        let mut setters = Vec::new();
        for field in self.stored() {
            let (ident, ty, private) = (field.ident, field.ty, self.private_at(field));
            if field.options.embed.is_some() {
                let doc = format!("Sets all columns of [`{}`]({name}::{ident}).", field.name);
                setters.push(quote_spanned! {field.span()=>
                    #[doc = #doc]
                    #visibility fn #ident(mut self, value: &#ty) -> Self {
                        <#ty as #private::Embed>::assign(value, &mut self.0, #before);
                        self
                    }
                });
                before = quote!(#before + <#ty as #private::Embed>::COLUMNS);
                continue;
            }
            let doc = format!("Sets [`{}`]({name}::{ident}): to a value, or to an expression.", field.name);
            setters.push(if field.options.json.is_some() {
                quote_spanned! {field.span()=>
                    #[doc = #doc]
                    #visibility fn #ident(mut self, value: &#ty) -> Self {
                        #private::Assign::assign(&mut self.0, #before, #private::document(<#ty as #private::Document>::stored(value)));
                        self
                    }
                }
            } else {
                // The type itself is where a value of another type is told.
                let span = field.ty.span();
                let place = self.private_with(span);
                let argument = quote_spanned!(span=> impl #place::Argument<#ty>);
                quote_spanned! {field.span()=>
                    #[doc = #doc]
                    #visibility fn #ident(mut self, value: #argument) -> Self {
                        #private::assign(&mut self.0, #before, value);
                        self
                    }
                }
            });
            before = quote!(#before + 1);
        }
        quote! {
            #[doc = #doc]
            #[must_use = "nothing is written until it is carried out by `exec`"]
            #visibility struct #changes<W>(W);

            #[allow(dead_code)]
            impl<W: #private::Assign<Model = #name>> #changes<W> {
                #(#setters)*

                /// Carries the statement out, and gives the row as it is stored.
                ///
                /// # Errors
                ///
                /// What the database says, and what is wrong with the values, which is told before anything is sent.
                #[track_caller]
                #visibility fn exec<D: #private::Db + ?::core::marker::Sized>(
                    self,
                    db: &D,
                ) -> impl ::core::future::Future<Output = #private::Result<W::Output>> + ::core::marker::Send
                where
                    W: #private::Execute,
                {
                    W::execute(self.0, db, ::core::panic::Location::caller())
                }

                /// Gives the SQL of the statement on a kind of database, for a look at it: see `Execute::sql`.
                ///
                /// # Errors
                ///
                /// What carrying it out would tell before anything is sent.
                #visibility fn sql(&self, dialect: &#private::Dialect) -> #private::Result<::std::string::String>
                where
                    W: #private::Execute,
                {
                    W::sql(&self.0, dialect)
                }
            }

            #[allow(dead_code)]
            impl #changes<#private::Create<#name>> {
                /// Makes rows of a relation together with the row, all in one transaction, and gives the row with the relation loaded.
                ///
                /// The foreign keys are filled in, and rows may have rows of their own: see `Create::with`.
                #visibility fn with<R: #private::CreateBy<#name>>(
                    mut self,
                    relation: R,
                    rows: impl ::core::iter::IntoIterator<Item: ::core::convert::Into<#private::Create<R::Model>>>,
                ) -> Self {
                    self.0 = self.0.with(relation, rows);
                    self
                }
            }

            impl<M> ::core::convert::From<#changes<#private::Create<M>>> for #private::Create<M> {
                fn from(changes: #changes<#private::Create<M>>) -> Self {
                    changes.0
                }
            }

            #[allow(dead_code)]
            impl #name {
                /// Begins a new row: see `Create`.
                #visibility fn create() -> #changes<#private::Create<#name>> {
                    #changes(#private::Create::new())
                }

                /// Begins changes to the row: see `Update`.
                #visibility fn update(&self) -> #changes<#private::Update<#name>> {
                    #changes(#private::Update::of(self))
                }

                /// Begins a row that is changed where one with the same unique key is there: see `Upsert`.
                #visibility fn upsert(key: impl #private::UniqueKey<#name>) -> #changes<#private::Upsert<#name>> {
                    #changes(#private::Upsert::on(key))
                }

                /// Begins a row that is made unless one with the same unique key is there, which is given as it is: see `Upsert::keep`.
                #visibility fn find_or_create(key: impl #private::UniqueKey<#name>) -> #changes<#private::Upsert<#name>> {
                    #changes(#private::Upsert::on(key).keep())
                }
            }
        }
    }
}
