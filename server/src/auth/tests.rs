//! Tables of attacks, keys that change, and addresses that answer whatever they like.
//!
//! The keys in `testkeys` were made for these tests and open nothing.

mod attacks; // What must be refused.
mod claims; // What a signed token makes of its bearer.
mod credentials; // What a request presents.
mod files; // Keys in files.
mod issue; // Tokens that are made here.
mod jwks; // Keys of an address.

use super::*;
use crate::config::Config;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dovetail_core::time::Timestamp;
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};

const RSA: &str = include_str!("testkeys/rsa.private.pem");
const RSA_PUBLIC: &str = include_str!("testkeys/rsa.public.pem");
const RSA_OTHER: &str = include_str!("testkeys/rsa_other.private.pem");
const RSA_OTHER_PUBLIC: &str = include_str!("testkeys/rsa_other.public.pem");
const RSA_1024_PUBLIC: &str = include_str!("testkeys/rsa_1024.public.pem");
const EC: &str = include_str!("testkeys/ec.private.pem");
const EC_PUBLIC: &str = include_str!("testkeys/ec.public.pem");
const EC_K1_PUBLIC: &str = include_str!("testkeys/ec_k1.public.pem");
const ED: &str = include_str!("testkeys/ed.private.pem");
const ED_PUBLIC: &str = include_str!("testkeys/ed.public.pem");

const SECRET: &str = "a secret of the tests, long enough";

/// When it is in these tests, in seconds.
const NOW: u64 = 1_800_000_000;

fn clock() -> Clock {
    Clock::standing(Timestamp::from_millis(NOW * 1000))
}

/// Settings with an audience and an issuer, and no key yet.
fn settings() -> AuthSettings {
    AuthSettings {
        jwt_audience: Some("dovetail".to_owned()),
        jwt_issuer: Some("https://issuer.example".to_owned()),
        ..Config::built_in().auth
    }
}

fn with_secret() -> AuthSettings {
    AuthSettings { jwt_secret: Some(SECRET.into()), ..settings() }
}

fn open(settings: &AuthSettings) -> Authenticator {
    Authenticator::open(settings, clock()).unwrap()
}

/// What a token says when all is well.
fn good() -> Value {
    json!({"sub": "ana", "iss": "https://issuer.example", "aud": "dovetail", "exp": NOW + 60})
}

/// The same, with some claims changed; those that are `null` are left out.
fn good_but(changes: &Value) -> Value {
    let mut claims = good();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    claims
}

fn hs(claims: &Value) -> String {
    signed(&Header::new(Algorithm::HS256), claims, &EncodingKey::from_secret(SECRET.as_bytes()))
}

fn rs(private: &str, kid: Option<&str>, claims: &Value) -> String {
    let header = Header { kid: kid.map(str::to_owned), ..Header::new(Algorithm::RS256) };
    signed(&header, claims, &EncodingKey::from_rsa_pem(private.as_bytes()).unwrap())
}

fn es(claims: &Value) -> String {
    signed(&Header::new(Algorithm::ES256), claims, &EncodingKey::from_ec_pem(EC.as_bytes()).unwrap())
}

fn ed(claims: &Value) -> String {
    signed(&Header::new(Algorithm::EdDSA), claims, &EncodingKey::from_ed_pem(ED.as_bytes()).unwrap())
}

fn signed(header: &Header, claims: &Value, key: &EncodingKey) -> String {
    jsonwebtoken::encode(header, claims, key).unwrap()
}

/// A token with the parts as they are written, signed with the secret.
fn written(header: &str, claims: &str) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
    format!("{message}.{signature}")
}

async fn refusal(authenticator: &Authenticator, token: &str) -> &'static str {
    match authenticator.identify(token).await {
        Ok(_) => "taken",
        Err(error) => error.code(),
    }
}

async fn subject(authenticator: &Authenticator, token: &str) -> String {
    authenticator.identify(token).await.unwrap().subject.to_string()
}
