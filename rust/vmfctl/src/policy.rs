// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! What the administrator of a host has decided about a function, and what becomes of a guest there.
//!
//! The decisions are the host's and in no stream: a destination asks its physical function for what the
//! guest had, and refuses the state if that refuses. The chapter "Handshake" of vmf.rst has the rules.

mod guest;
mod pf;

use serde::{Deserialize, Serialize};
use vmf::Code;

pub(crate) use self::guest::{Guest, Mac};
use crate::{
    sysfs::{Address, Sysfs},
    verdict::{Rule, Verdict},
};

/// Who has been asked.
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Provider {
    /// The driver of the physical function: its address is the one in force, whoever has set it.
    PhysicalFunction,
    /// The function in software: its address is that of the administrator.
    Software,
}

/// What was decided about one function. What nobody says is left out.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Policy {
    pub(crate) provider: Provider,
    /// The physical function's interface, and the number of the function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) interface: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) vf: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) up: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) carrier: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) mac: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) vlan: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) trusted: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) spoof_check: Option<bool>,
    /// In Mbit/s; 0 for no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max_tx_rate: Option<u32>,
    /// Other functions of the same physical function, and their addresses.
    #[serde(skip)]
    pub(crate) neighbours: Vec<(u32, String)>,
}

impl Policy {
    /// What is decided about a device of this host, as far as that can be found out.
    pub(crate) fn read(sysfs: &Sysfs, address: &Address) -> Option<Self> {
        match address {
            Address::Pci(_) => pf::read(sysfs, address),
            Address::Mdev(_) => software(sysfs, address),
        }
    }

    /// In a line, for people.
    pub(crate) fn text(&self) -> String {
        let mut parts = Vec::new();
        if let (Some(interface), Some(vf)) = (&self.interface, self.vf) {
            parts.push(format!("VF {vf} of {interface}"));
        }
        let mut say = |value: Option<bool>, yes: &str, no: &str| {
            let word = value.map(|value| if value { yes } else { no });
            parts.extend(word.filter(|word| !word.is_empty()).map(String::from));
        };
        say(self.up, "", "which is down");
        say(self.carrier, "", "without carrier");
        say(self.trusted, "trusted", "not trusted");
        say(self.spoof_check, "spoof check", "no spoof check");
        parts.push(self.address_text());
        parts.push(match self.vlan {
            Some(vlan) if vlan != 0 => format!("port VLAN {vlan}"),
            _ => "no port VLAN".into(),
        });
        if let Some(rate) = self.max_tx_rate.filter(|rate| *rate != 0) {
            parts.push(format!("at most {rate} Mbit/s"));
        }
        parts.join(", ")
    }

    fn address_text(&self) -> String {
        match &self.mac {
            Some(mac) => format!("address {mac}"),
            None => "no address".into(),
        }
    }

    /// The address of the guest that has the function, as far as it follows.
    fn of_guest(&self) -> Mac {
        match (&self.mac, self.provider) {
            (Some(mac), Provider::PhysicalFunction) => Mac::Is(mac.clone()),
            (Some(mac), Provider::Software) if self.trusted != Some(true) => Mac::Is(mac.clone()),
            _ => Mac::Unknown,
        }
    }
}

/// The files of `network/` of a function in software.
fn software(sysfs: &Sysfs, address: &Address) -> Option<Policy> {
    let dir = sysfs.device_dir(address).join("network");
    let text = |name: &str| {
        let text = std::fs::read_to_string(dir.join(name)).ok()?;
        Some(text.trim().to_string())
    };
    let switch = |name: &str| text(name).map(|value| value == "1");
    let mac = text("mac")?.to_ascii_lowercase();
    Some(Policy {
        provider: Provider::Software,
        interface: None,
        vf: None,
        up: None,
        carrier: None,
        mac: Some(mac).filter(|mac| mac != guest::NO_MAC),
        vlan: None,
        trusted: switch("trusted"),
        spoof_check: switch("spoof_check"),
        max_tx_rate: None,
        neighbours: Vec::new(),
    })
}

/// Adds what the policy of a destination means for a guest, whose source may have a policy, too.
pub(crate) fn judge(
    verdict: &mut Verdict,
    guest: &Guest,
    source: Option<&Policy>,
    destination: Option<&Policy>,
) {
    let Some(to) = destination else {
        verdict.rules.push(Rule {
            compared: false,
            ..rule("policy of the host", "", "not known")
        });
        return;
    };
    let mac = match (&guest.mac, source) {
        (Mac::Unknown, Some(source)) => source.of_guest(),
        (known, _) => known.clone(),
    };
    let rules = &mut verdict.rules;
    rules.extend(to.up.map(|up| interface(up, guest, to)));
    rules.push(address(&mac, guest, to));
    rules.push(further_addresses(guest, to));
    rules.push(vlans(guest, to));
    rules.extend(to.carrier.filter(|up| !up).map(|_| Rule {
        warning: true,
        ..rule("carrier of the physical function", "", "none")
    }));
    rules.extend(twin(&mac, source, to));
    if let Some(from) = source {
        rules.extend(differences(from, to));
    }
}

fn rule(name: &str, got: &str, want: &str) -> Rule {
    Rule {
        name: name.into(),
        got: got.into(),
        want: want.into(),
        compared: true,
        warning: false,
        code: None,
    }
}

/// The same rule for what is a refusal, may be one, or is none.
fn graded(rule: Rule, refused: Option<bool>) -> Rule {
    Rule {
        code: (refused == Some(true)).then_some(Code::Io),
        warning: refused.is_none(),
        ..rule
    }
}

fn known_word(known: Option<bool>) -> &'static str {
    match known {
        Some(true) => "some",
        Some(false) => "none",
        None => "not known",
    }
}

/// A physical function that is down answers nothing; a guest that it does not serve asks for little.
fn interface(up: bool, guest: &Guest, to: &Policy) -> Rule {
    let name = to.interface.as_deref().unwrap_or("");
    let want = format!("{name} {}", if up { "up" } else { "down" });
    let asks = guest.served != Some(false) || guest.further != Some(false);
    graded(
        rule("interface of the physical function", "", want.trim()),
        Some(!up && asks),
    )
}

/// Who is trusted may have any address, and has that of the host again after the next reset.
fn address(mac: &Mac, guest: &Guest, to: &Policy) -> Rule {
    let got = match mac {
        Mac::Unknown => "not known",
        Mac::None => "none",
        Mac::Is(mac) => mac,
    };
    let trusted = to.trusted == Some(true);
    let Some(own) = &to.mac else {
        return rule("address of the guest", got, "any");
    };
    let want = match (trusted, to.provider) {
        (true, _) => format!("any; {own} after a reset"),
        (false, Provider::Software) => own.clone(),
        // It cannot be told from one that a former driver has left, which a reset takes away.
        (false, Provider::PhysicalFunction) => format!("{own}, unless a reset takes it away"),
    };
    let other = match (mac, guest.served) {
        (Mac::None, _) | (_, Some(false)) => Some(false),
        (Mac::Is(mac), _) => Some(mac != own),
        (Mac::Unknown, _) => None,
    };
    let rule = rule("address of the guest", got, &want);
    match other {
        Some(true) | None if trusted => graded(rule, None),
        other => graded(rule, other),
    }
}

fn further_addresses(guest: &Guest, to: &Policy) -> Rule {
    let allowed = to.mac.is_none() || to.trusted == Some(true);
    let want = if allowed { "any" } else { "none" };
    let refused = if allowed { Some(false) } else { guest.further };
    let rule = rule("further addresses", known_word(guest.further), want);
    graded(rule, refused)
}

fn vlans(guest: &Guest, to: &Policy) -> Rule {
    let port = to.vlan.filter(|vlan| *vlan != 0);
    let refused = match (port, guest.served) {
        (None, _) | (_, Some(false)) => Some(false),
        _ => guest.vlans,
    };
    let want = port.map_or("any".into(), |vlan| {
        format!("none, as it is in VLAN {vlan}")
    });
    graded(
        rule("VLANs of the guest", known_word(guest.vlans), &want),
        refused,
    )
}

/// Another function that receives what is sent to the guest.
fn twin(mac: &Mac, source: Option<&Policy>, to: &Policy) -> Option<Rule> {
    let Mac::Is(mac) = mac else { return None };
    // The source may be a neighbour; its address goes with the guest.
    let is_source =
        |vf: u32| source.is_some_and(|from| from.interface == to.interface && from.vf == Some(vf));
    let mut others = to.neighbours.iter();
    let (vf, _) = others.find(|(vf, other)| other == mac && !is_source(*vf))?;
    let want = format!("VF {vf} has it, too");
    Some(graded(rule("address of the guest", mac, &want), None))
}

/// What a guest would notice, and nobody refuses.
fn differences(from: &Policy, to: &Policy) -> Vec<Rule> {
    let vlan = |policy: &Policy| match (policy.provider, policy.vlan) {
        (Provider::Software, _) => None,
        (_, vlan) => Some(vlan.unwrap_or(0)),
    };
    let word = |on: bool| if on { "on" } else { "off" };
    let switch = |name: &str, from: Option<bool>, to: Option<bool>| {
        let (from, to) = (from?, to?);
        Some(unequal(name, word(from), word(to)))
    };
    let count = |name: &str, from: Option<u32>, to: Option<u32>| {
        let (from, to) = (from?, to?);
        Some(unequal(name, &from.to_string(), &to.to_string()))
    };
    let rules = [
        count("port VLAN", vlan(from), vlan(to)),
        switch("trust", from.trusted, to.trusted),
        switch("spoof check", from.spoof_check, to.spoof_check),
        count("Mbit/s at most", from.max_tx_rate, to.max_tx_rate),
    ];
    rules.into_iter().flatten().collect()
}

fn unequal(name: &str, from: &str, to: &str) -> Rule {
    Rule {
        warning: from != to,
        ..rule(name, from, to)
    }
}
