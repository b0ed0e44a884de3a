//! The page at `/`: what this is, and where its metrics are. Its parts are those of upstream's exporter-toolkit.

use axum::response::Html;

/// A link on the page.
#[derive(Clone, Copy, Debug)]
pub struct LandingLink<'a> {
    /// With or without a slash in front.
    pub address: &'a str,
    pub text: &'a str,
}

/// What the page says.
#[derive(Clone, Copy, Debug)]
pub struct LandingPage<'a> {
    /// The exporter's name, as `Node Exporter`.
    pub name: &'a str,
    pub description: &'a str,
    pub version: &'a str,
    pub links: &'a [LandingLink<'a>],
}

const STYLE: &str = "body{font-family:-apple-system,BlinkMacSystemFont,Segoe UI,Roboto,Helvetica Neue,Arial,sans-serif;\
    margin:0}header{background-color:#e6522c;color:#fff;font-size:1rem;padding:1rem}main{padding:1rem}";

impl LandingPage<'_> {
    /// Returns the page.
    pub fn html(&self) -> Html<String> {
        let mut items = String::new();
        for link in self.links {
            let address = escaped(link.address.trim_start_matches('/'));
            items += &format!("<li><a href=\"/{address}\">{}</a></li>\n", escaped(link.text));
        }
        let name = escaped(self.name);
        Html(format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"UTF-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1.0\">\n\
             <title>{name}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<header>\n<h1>{name}</h1>\n</header>\n<main>\n\
             <h2>{}</h2>\n<div>Version: {}</div>\n<div>\n<ul>\n{items}</ul>\n</div>\n</main>\n</body>\n</html>\n",
            escaped(self.description),
            escaped(self.version),
        ))
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped_and_links_lead_to_the_root() {
        let links = [LandingLink { address: "a/\"b", text: "A & B" }, LandingLink { address: "/metrics", text: "M" }];
        let page = LandingPage { name: "<X>", description: "d", version: "v", links: &links }.html().0;
        for part in ["<h1>&lt;X&gt;</h1>", "href=\"/a/&quot;b\">A &amp; B<", "href=\"/metrics\">M<", "Version: v<"] {
            assert!(page.contains(part), "{part}: {page}");
        }
    }
}
