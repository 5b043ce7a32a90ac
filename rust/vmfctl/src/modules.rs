// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The modules of a host that are variant drivers: `vfio_pci:` lines of modules.alias, as libvirt reads
//! them to find a driver.

use glob::Pattern;

use crate::sysfs::Sysfs;

/// What variant drivers are installed, for which devices.
#[derive(Default, Debug)]
pub(crate) struct Modules {
    aliases: Vec<(Pattern, String)>,
}

impl Modules {
    /// Reads those of the kernel that runs.
    pub(crate) fn read(sysfs: &Sysfs) -> Self {
        let text = sysfs
            .kernel()
            .and_then(|release| sysfs.host_file(&format!("lib/modules/{release}/modules.alias")));
        Self::parse(&text.unwrap_or_default())
    }

    fn parse(text: &str) -> Self {
        let alias = |line: &str| {
            let rest = line.strip_prefix("alias vfio_pci:")?;
            let (pattern, module) = rest.trim_end().rsplit_once(' ')?;
            // Everything is bound to it, and nothing migrates.
            let variant = module != "vfio_pci";
            let pattern = Pattern::new(pattern).ok().filter(|_| variant)?;
            Some((pattern, module.to_string()))
        };
        Self {
            aliases: text.lines().filter_map(alias).collect(),
        }
    }

    /// The variant driver for a function with this `modalias`.
    pub(crate) fn variant(&self, modalias: &str) -> Option<&str> {
        let id = modalias.strip_prefix("pci:")?;
        let mut all = self.aliases.iter();
        all.find(|(pattern, _)| pattern.matches(id))
            .map(|(_, module)| module.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_variant_drivers_only() {
        let text = "\
# Aliases extracted from modules themselves.
alias pci:v00008086d000010CAsv*sd*bc*sc*i* igbvf
alias vfio_pci:v*d*sv*sd*bc*sc*i* vfio_pci
alias vfio_pci:v00008086d000010CAsv*sd*bc*sc*i* igbvf_vfio_pci
alias vfio_pci:[ broken
";
        let modules = Modules::parse(text);
        let id = "pci:v00008086d000010CAsv00001AF4sd00001100bc02sc00i00";
        assert_eq!(modules.variant(id), Some("igbvf_vfio_pci"));
        assert_eq!(modules.variant(&id.replace("10CA", "1520")), None);
        assert_eq!(modules.variant("usb:v1"), None);
        assert_eq!(Modules::default().variant(id), None);
    }
}
