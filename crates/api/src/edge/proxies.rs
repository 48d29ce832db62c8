//! Where does a request come from, if what connects to us is a proxy?
//!
//! A proxy that is trusted is believed about whom it speaks for: it puts that at the end of `X-Forwarded-For`. What stood there
//! before comes from the client and is believed of nobody. (`Forwarded` isn't read: of two headers, a proxy that writes one
//! passes on what clients write into the other.)

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::http::HeaderMap;
use ipnet::IpNet;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The proxies that are believed about where requests come from.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Arc<[IpNet]>);

impl TrustedProxies {
    /// Those at these addresses and in these networks (`10.0.0.0/8`). The error names what is neither.
    pub fn at<T: AsRef<str>>(networks: &[T]) -> Result<Self, String> {
        let network = |text: &T| {
            let text = text.as_ref();
            let parsed = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
            parsed.map_err(|_| format!("{text} is neither an address nor a network such as 10.0.0.0/8"))
        };
        networks.iter().map(network).collect::<Result<_, _>>().map(Self)
    }

    /// The nearest address that isn't a trusted proxy's; if there is none that can be read, the farthest proxy's.
    pub(crate) fn origin(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let lines: Vec<_> = headers.get_all(FORWARDED_FOR).iter().map(|line| line.to_str().unwrap_or_default()).collect();
        let mut nearest = peer.to_canonical();
        for hop in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
            match address(hop.trim()) {
                Some(address) if self.trusts(nearest) => nearest = address,
                Some(_) | None => break,
            }
        }
        nearest
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// Some proxies tell the port too.
fn address(hop: &str) -> Option<IpAddr> {
    let alone = hop.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(hop);
    let address = alone.parse().or_else(|_| hop.parse().map(|address: SocketAddr| address.ip()));
    address.ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(trusted: &[&str], peer: &str, forwarded: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append(FORWARDED_FOR, line.parse().unwrap());
        }
        TrustedProxies::at(trusted).unwrap().origin(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed_and_only_about_the_last_that_is_none() {
        let ours = ["10.0.0.0/8", "192.0.2.1", "fd00::/8"];
        for (peer, forwarded, from) in [
            ("198.51.100.9", &[][..], "198.51.100.9"),
            ("198.51.100.9", &["203.0.113.7"], "198.51.100.9"),
            ("10.1.2.3", &["203.0.113.7"], "203.0.113.7"),
            ("192.0.2.1", &["203.0.113.7"], "203.0.113.7"),
            ("192.0.2.2", &["203.0.113.7"], "192.0.2.2"),
            ("10.1.2.3", &["1.1.1.1, 203.0.113.7"], "203.0.113.7"),
            ("10.1.2.3", &["1.1.1.1", "203.0.113.7, 10.9.9.9"], "203.0.113.7"),
            ("10.1.2.3", &["10.0.0.7, 10.0.0.8"], "10.0.0.7"),
            ("10.1.2.3", &[], "10.1.2.3"),
            ("10.1.2.3", &["1.1.1.1, unknown"], "10.1.2.3"),
            ("10.1.2.3", &["1.1.1.1, nonsense, 10.0.0.8"], "10.0.0.8"),
            ("::ffff:10.1.2.3", &["203.0.113.7:4711"], "203.0.113.7"),
            ("fd00::1", &["[2001:db8::7]:4711"], "2001:db8::7"),
            ("fd00::1", &["[2001:db8::7]"], "2001:db8::7"),
        ] {
            assert_eq!(origin(&ours, peer, forwarded), from, "{peer} {forwarded:?}");
        }
        assert_eq!(origin(&[], "127.0.0.1", &["203.0.113.7"]), "127.0.0.1", "nobody is trusted by default");
    }

    #[test]
    fn what_is_no_network_is_named() {
        for wrong in ["", "10.0.0.0/33", "proxy.example.org", "10.0.0"] {
            let error = TrustedProxies::at(&["10.0.0.0/8", wrong]).unwrap_err();
            assert!(error.starts_with(&format!("{wrong} is neither")), "{error}");
        }
    }
}
