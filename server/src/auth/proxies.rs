//! Proxies whose word is taken for where a request comes from.
//!
//! ```text
//!  client ──▶ outer proxy ──▶ inner proxy ──▶ this server      trusted_proxies: outer, inner
//!             adds client     adds outer                       X-Forwarded-For: made up, client, outer
//!                                                                                        ◀── read from here
//! ```
//! Edit path: ← a request and the address its connection comes from, → the address that its sender is known by.
//!
//! **Invariant:** what a sender writes into the header moves nothing: it is read from its end, where proxies that are trusted
//! have written, and no further than to the first address that is none of theirs.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use warp::http::HeaderMap;
use warp::http::header::HeaderName;

/// Where proxies write down from whom they have a request, each behind those before it.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// No list is longer: each is compared with for every request.
const PROXIES_MAX: usize = 64;

/// Of an address of IPv6.
const ADDRESS_BITS: u8 = 128;

/// IPv4 in the bits of IPv6: `::ffff:0:0/96`.
const IPV4_PREFIX_BITS: u8 = 96;

/// The networks of those proxies. Empty: nobody's word is taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies(Vec<Network>);

/// Why a text lists no networks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadProxies {
    /// One of them is none.
    #[error("{text:?} is no address and no network; write 10.0.0.7, 10.0.0.0/8 or fd00::/8")]
    NoNetwork {
        /// Which.
        text: String,
    },
    /// There are too many.
    #[error("write {PROXIES_MAX} networks at most")]
    TooMany,
}

/// Addresses that begin with the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network {
    first: IpAddr,
    prefix_bits: u8,
}

impl Proxies {
    /// From where a request comes whose connection comes from `peer`: what the last of the proxies that are trusted says, and the
    /// one before it of that, as far as they are.
    #[must_use]
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut nearest = peer.to_canonical();
        if self.0.is_empty() {
            return nearest;
        }
        let values = headers.get_all(FORWARDED_FOR).into_iter().map(|value| value.to_str().unwrap_or(""));
        let said: Vec<&str> = values.flat_map(|value| value.split(',')).map(str::trim).collect();
        let mut said = said.into_iter().rev();
        while self.trust(nearest)
            && let Some(before) = said.next().and_then(address)
        {
            nearest = before;
        }
        nearest
    }

    /// Whether it is one of those proxies.
    #[must_use]
    pub fn trust(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.holds(address))
    }
}

impl Network {
    fn holds(&self, address: IpAddr) -> bool {
        // No bits at all are the same in every address.
        let others = u32::from(ADDRESS_BITS - self.prefix_bits);
        let beginning = |address| bits(address).checked_shr(others).unwrap_or(0);
        beginning(self.first) == beginning(address)
    }
}

/// One form for both kinds of addresses.
fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
    .to_bits()
}

/// An address as proxies write it: some add the port, and IPv6 may stand in brackets.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let alone = bare.parse::<IpAddr>().ok();
    let address = alone.or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()));
    address.map(|address| address.to_canonical())
}

impl FromStr for Network {
    type Err = BadProxies;

    fn from_str(text: &str) -> Result<Self, BadProxies> {
        let no_network = || BadProxies::NoNetwork { text: text.to_owned() };
        let (first, length) =
            text.split_once('/').map_or((text, None), |(first, length)| (first, Some(length)));
        let first: IpAddr = first.parse().map_err(|_| no_network())?;
        let before = if first.is_ipv4() { IPV4_PREFIX_BITS } else { 0 };
        let longest = ADDRESS_BITS - before;
        let length = length.map_or(Ok(longest), str::parse).map_err(|_| no_network())?;
        if length > longest {
            return Err(no_network());
        }
        Ok(Self { first, prefix_bits: before + length })
    }
}

impl FromStr for Proxies {
    type Err = BadProxies;

    /// Addresses and networks, with commas between them.
    fn from_str(text: &str) -> Result<Self, BadProxies> {
        let listed: Vec<&str> = text.split(',').map(str::trim).filter(|one| !one.is_empty()).collect();
        if listed.len() > PROXIES_MAX {
            return Err(BadProxies::TooMany);
        }
        listed.into_iter().map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let before = if self.first.is_ipv4() { IPV4_PREFIX_BITS } else { 0 };
        write!(f, "{}/{}", self.first, self.prefix_bits - before)
    }
}

impl fmt::Display for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, network) in self.0.iter().enumerate() {
            let comma = if n == 0 { "" } else { "," };
            write!(f, "{comma}{network}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use warp::http::HeaderValue;

    fn client(trusted: &str, peer: &str, said: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in said {
            headers.append(FORWARDED_FOR, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        trusted.parse::<Proxies>().unwrap().client(peer.parse().unwrap(), &headers).to_string()
    }

    /// LI12: only proxies that are trusted say from where a request comes, and only what they have written themselves counts.
    #[test]
    fn li12_only_trusted_proxies_are_believed() {
        let inner = "10.0.0.0/8, 192.0.2.7,fd00::/8";
        let cases: [(&str, &str, &[&str], &str); 18] = [
            ("", "10.0.0.1", &["203.0.113.9"], "10.0.0.1"),
            (inner, "203.0.113.1", &["203.0.113.9"], "203.0.113.1"),
            (inner, "10.0.0.1", &[], "10.0.0.1"),
            (inner, "10.0.0.1", &["203.0.113.9"], "203.0.113.9"),
            (inner, "10.0.0.1", &["198.51.100.1, 203.0.113.9"], "203.0.113.9"),
            (inner, "10.0.0.1", &["198.51.100.1", "203.0.113.9"], "203.0.113.9"),
            (inner, "10.0.0.1", &["203.0.113.9, 192.0.2.7 ,10.9.9.9"], "203.0.113.9"),
            (inner, "10.0.0.1", &["203.0.113.9, 192.0.2.8"], "192.0.2.8"),
            (inner, "10.0.0.1", &["10.1.1.1, 10.2.2.2"], "10.1.1.1"),
            (inner, "::ffff:10.0.0.1", &["203.0.113.9"], "203.0.113.9"),
            (inner, "fd12::1", &["2001:db8::9"], "2001:db8::9"),
            (inner, "fe80::1", &["2001:db8::9"], "fe80::1"),
            (inner, "10.0.0.1", &["[2001:db8::9]:4711"], "2001:db8::9"),
            (inner, "10.0.0.1", &["[2001:db8::9]"], "2001:db8::9"),
            (inner, "10.0.0.1", &["203.0.113.9:4711"], "203.0.113.9"),
            (inner, "10.0.0.1", &["203.0.113.9, unknown"], "10.0.0.1"),
            (inner, "10.0.0.1", &["203.0.113.9, "], "10.0.0.1"),
            ("0.0.0.0/0", "198.51.100.1", &["203.0.113.9"], "203.0.113.9"),
        ];
        for (trusted, peer, said, expected) in cases {
            assert_eq!(client(trusted, peer, said), expected, "{trusted} {peer} {said:?}");
        }
        assert_eq!(client("0.0.0.0/0", "2001:db8::1", &["203.0.113.9"]), "2001:db8::1", "IPv4 is not IPv6");
        assert_eq!(client("::/0", "2001:db8::1", &["2001:db8::9"]), "2001:db8::9");
    }

    /// LI12: what is no network is refused with words, and what is shown is what was meant.
    #[test]
    fn li12_only_networks_are_taken() {
        for text in ["localhost", "10.0.0.0/33", "fd00::/129", "10.0.0.0/", "10.0.0/8", "10.0.0.1:80", "/8"] {
            let error = text.parse::<Proxies>().unwrap_err();
            assert!(error.to_string().contains(text), "{error}");
        }
        assert_eq!(vec!["10.0.0.1"; PROXIES_MAX + 1].join(",").parse::<Proxies>(), Err(BadProxies::TooMany));
        for text in ["", "10.0.0.7/32", "10.0.0.0/8,fd00::/8,::1/128", "0.0.0.0/0,::/0"] {
            assert_eq!(text.parse::<Proxies>().unwrap().to_string(), text);
        }
    }
}
