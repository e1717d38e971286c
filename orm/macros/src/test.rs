//! `#[oarlock::test]`.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::meta::ParseNestedMeta;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Attribute, Expr, FnArg, Ident, ItemFn, LitInt, LitStr, Path, Token, Type};

/// The attribute's options.
pub(crate) struct Options {
    krate: Path,
    setup: Option<Path>,
    fixtures: Vec<LitStr>,
    url: Option<Expr>,
    engines: Option<Vec<Engine>>,
    flavor: Option<LitStr>,
    worker_threads: Option<LitInt>,
}

/// An engine: its name in the attribute, which is that of its test, and its variant.
struct Engine {
    name: Ident,
    variant: Ident,
}

const OPTIONS: &str = "setup, fixtures, url, engines, flavor, worker_threads, crate";

impl Default for Options {
    fn default() -> Self {
        Self {
            krate: syn::parse_quote!(::oarlock),
            setup: None,
            fixtures: Vec::new(),
            url: None,
            engines: None,
            flavor: None,
            worker_threads: None,
        }
    }
}

impl Options {
    /// Reads one option of the attribute.
    pub(crate) fn read(&mut self, meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
        let name = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
        match name.as_str() {
            "setup" => once(meta, &mut self.setup, meta.value()?.parse()?),
            "fixtures" => {
                let files;
                syn::parenthesized!(files in meta.input);
                self.fixtures.extend(Punctuated::<LitStr, Token![,]>::parse_terminated(&files)?);
                if self.fixtures.is_empty() {
                    return Err(meta.error("`fixtures` needs files: write fixtures(\"users.sql\")"));
                }
                Ok(())
            }
            "url" => once(meta, &mut self.url, meta.value()?.parse()?),
            "engines" => {
                let names;
                let value = meta.value()?;
                syn::bracketed!(names in value);
                let names = Punctuated::<Ident, Token![,]>::parse_terminated(&names)?;
                once(meta, &mut self.engines, engines(names)?)
            }
            "flavor" => {
                let flavor: LitStr = meta.value()?.parse()?;
                if !matches!(flavor.value().as_str(), "current_thread" | "multi_thread") {
                    return Err(syn::Error::new(flavor.span(), "`flavor` is \"current_thread\" or \"multi_thread\""));
                }
                once(meta, &mut self.flavor, flavor)
            }
            "worker_threads" => once(meta, &mut self.worker_threads, meta.value()?.parse()?),
            "crate" => {
                self.krate = meta.value()?.parse::<LitStr>()?.parse()?;
                Ok(())
            }
            other => Err(meta.error(format!("unknown option `{other}`; the options are {OPTIONS}"))),
        }
    }

    fn check(&self) -> syn::Result<()> {
        if let (Some(url), Some(_)) = (&self.url, &self.engines) {
            return Err(syn::Error::new(
                url.span(),
                "`url` names one server, and `engines` finds them by variables: write one of them",
            ));
        }
        let several = self.flavor.as_ref().is_some_and(|flavor| flavor.value() == "multi_thread");
        match &self.worker_threads {
            Some(count) if !several => {
                Err(syn::Error::new(count.span(), "`worker_threads` needs flavor = \"multi_thread\""))
            }
            _ => Ok(()),
        }
    }
}

fn once<T>(meta: &ParseNestedMeta<'_>, option: &mut Option<T>, value: T) -> syn::Result<()> {
    match option.replace(value) {
        None => Ok(()),
        Some(_) => Err(meta.error("this option is given twice")),
    }
}

fn engines(names: Punctuated<Ident, Token![,]>) -> syn::Result<Vec<Engine>> {
    let mut engines: Vec<Engine> = Vec::new();
    for name in names {
        let variant = match name.to_string().as_str() {
            "sqlite" => "Sqlite",
            "postgres" => "Postgres",
            "mysql" => "MySql",
            other => {
                let message = format!("unknown engine `{other}`; the engines are sqlite, postgres, mysql");
                return Err(syn::Error::new(name.span(), message));
            }
        };
        if engines.iter().any(|known| known.name == name) {
            return Err(syn::Error::new(name.span(), format!("the engine `{name}` is named twice")));
        }
        engines.push(Engine { variant: Ident::new(variant, name.span()), name });
    }
    if engines.is_empty() {
        return Err(syn::Error::new(Span::call_site(), "`engines` is empty; the engines are sqlite, postgres, mysql"));
    }
    Ok(engines)
}

pub(crate) fn expand(options: &Options, function: &ItemFn) -> syn::Result<TokenStream> {
    options.check()?;
    check(function)?;
    let name = &function.sig.ident;
    let body = body(options, function)?;
    // What tells the harness how to run a test goes to each test; the rest stays with the function.
    let (harness, own): (Vec<&Attribute>, Vec<&Attribute>) =
        function.attrs.iter().partition(|attribute| is_for_harness(attribute));
    let visibility = &function.vis;
    let Some(engines) = &options.engines else {
        return Ok(quote! {
            #[::core::prelude::v1::test]
            #(#harness)*
            #(#own)*
            #visibility fn #name() {
                #body
            }
        });
    };
    let testing = testing(options);
    let conditions = own.iter().filter(|attribute| attribute.path().is_ident("cfg"));
    let tests = engines.iter().map(|Engine { name: engine, variant }| {
        quote! {
            #[::core::prelude::v1::test]
            #(#harness)*
            fn #engine() {
                super::#name(#testing::Engine::#variant);
            }
        }
    });
    Ok(quote! {
        #[cfg(test)]
        #(#own)*
        fn #name(engine: #testing::Engine) {
            #body
        }

        #[cfg(test)]
        #(#conditions)*
        mod #name {
            #(#tests)*
        }
    })
}

fn is_for_harness(attribute: &Attribute) -> bool {
    ["should_panic", "ignore"].iter().any(|name| attribute.path().is_ident(name))
}

fn testing(options: &Options) -> TokenStream {
    let krate = &options.krate;
    quote!(#krate::__private::testing)
}

/// Refuses what cannot be a test.
fn check(function: &ItemFn) -> syn::Result<()> {
    let signature = &function.sig;
    let name = &signature.ident;
    let refuse = |span: Span, message: String| Err(syn::Error::new(span, message));
    if signature.asyncness.is_none() {
        let token = signature.fn_token.span();
        return refuse(
            token,
            format!("`{name}`: a test with a database is an async function: write `async fn {name}`"),
        );
    }
    if signature.inputs.is_empty() {
        return refuse(
            name.span(),
            format!("`{name}` takes no database: write `async fn {name}(db: oarlock::Pool)`, or use #[tokio::test]"),
        );
    }
    if !signature.generics.params.is_empty() {
        return refuse(signature.generics.span(), format!("`{name}`: a test cannot be generic: nobody says of what"));
    }
    match function.attrs.iter().find(|attribute| is_test(attribute)) {
        Some(other) => {
            refuse(other.span(), format!("`{name}` is a test already: take this attribute out, or the test runs twice"))
        }
        None => Ok(()),
    }
}

fn is_test(attribute: &Attribute) -> bool {
    attribute.path().segments.last().is_some_and(|last| last.ident == "test")
}

/// Gives the code of the test: the function as it was written, and the case that runs it.
fn body(options: &Options, function: &ItemFn) -> syn::Result<TokenStream> {
    let testing = testing(options);
    let name = &function.sig.ident;
    let mut arguments = Vec::new();
    for argument in &function.sig.inputs {
        arguments.push(self::argument(argument, name, &testing)?);
    }
    let setup = options.setup.as_ref().map(|path| {
        let span = Span::call_site().located_at(path.span());
        quote_spanned!(span=> .setup(#path))
    });
    let fixtures = options.fixtures.iter().map(|file| quote!(.fixture(#file, ::core::include_str!(#file))));
    let url = options.url.as_ref().map(|url| quote!(.url(#url)));
    let engine = options.engines.as_ref().map(|_| quote!(.engine(engine)));
    let several = options.flavor.as_ref().filter(|flavor| flavor.value() == "multi_thread");
    let threads = several.map(|_| {
        let workers = options.worker_threads.iter();
        quote!(.multi_thread([#(#workers)*].first().copied()))
    });
    let panics = function
        .attrs
        .iter()
        .any(|attribute| attribute.path().is_ident("should_panic"))
        .then(|| quote!(.should_panic()));
    let (signature, block) = (&function.sig, &function.block);
    Ok(quote! {
        // It is the attribute that asks for `async`.
        #[allow(clippy::unused_async)]
        #signature #block

        #testing::Case::new(::core::concat!(::core::module_path!(), "::", ::core::stringify!(#name)))
            #engine #url #setup #(#fixtures)* #threads #panics
            .run(async |database: #testing::Database| #name(#(#arguments),*).await);
    })
}

/// Makes one of the test's arguments from its database.
fn argument(argument: &FnArg, test: &Ident, testing: &TokenStream) -> syn::Result<TokenStream> {
    let FnArg::Typed(typed) = argument else {
        return Err(syn::Error::new(argument.span(), format!("`{test}`: a test is a function, not a method")));
    };
    let ty: &Type = &typed.ty;
    if let Type::Reference(_) = ty {
        return Err(syn::Error::new(
            ty.span(),
            format!("`{test}`: a test owns its arguments: write `db: oarlock::Pool`, and borrow it in the test"),
        ));
    }
    let span = Span::call_site().located_at(ty.span());
    Ok(quote_spanned! {span=>
        <#ty as #testing::FromDatabase>::from_database(&database).await.expect("the test's arguments can be made")
    })
}
