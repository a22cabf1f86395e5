//! Service accounts, by which the API server tells pods apart.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::kube::{Kube, NAMESPACE, Write};
use super::rights::Rights;

/// A service account with a token, which is valid for two hours.
#[derive(Clone, Debug)]
pub struct Account {
    name: String,
    token: String,
}

// === impl Kube ===

impl Kube {
    /// Creates a service account, a Role of these rights, the binding of the Role to the account, and a token.
    pub fn account(&self, name: &str, rights: &Rights) -> Result<Account> {
        let accounts = format!("/api/v1/namespaces/{NAMESPACE}/serviceaccounts");
        let rbac = format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{NAMESPACE}");
        let metadata = json!({"name": name});
        self.write(Write::Create, &accounts, &json!({"metadata": metadata}))?;
        let role = json!({"metadata": metadata, "rules": rights.rules()});
        self.write(Write::Create, &format!("{rbac}/roles"), &role)?;
        let binding = json!({
            "metadata": metadata,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": NAMESPACE}],
        });
        self.write(Write::Create, &format!("{rbac}/rolebindings"), &binding)?;
        let wanted = json!({"spec": {"expirationSeconds": 7200}});
        let path = format!("{accounts}/{name}/token");
        let answer = self.write(Write::Create, &path, &wanted)?;
        let token = answer["status"]["token"].as_str().context("no token")?;
        Ok(Account {
            name: name.to_owned(),
            token: token.to_owned(),
        })
    }

    /// Replaces the rights of an account's Role.
    pub fn set_rights(&self, account: &Account, rights: &Rights) -> Result<()> {
        let name = &account.name;
        let path =
            format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{NAMESPACE}/roles/{name}");
        let rules = json!({"rules": rights.rules()});
        self.write(Write::Merge, &path, &rules)?;
        Ok(())
    }
}

// === impl Account ===

impl Account {
    /// Returns the account's user name, as RBAC and the audit log have it.
    pub fn user(&self) -> String {
        format!("system:serviceaccount:{NAMESPACE}:{}", self.name)
    }

    /// Returns a kubeconfig with the account's token and with `cluster`, the entry that says where the API server is.
    pub(crate) fn kubeconfig(&self, cluster: &Value) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "lab",
            "clusters": [{"name": "lab", "cluster": cluster}],
            "users": [{"name": "pod", "user": {"token": self.token}}],
            "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "pod", "namespace": NAMESPACE}}],
        })
    }
}
