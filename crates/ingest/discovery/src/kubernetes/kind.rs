//! The kinds of objects that are followed, and where the cluster keeps them.

use std::sync::Arc;

use crate::kubernetes::objects::{Bare, EndpointSlice, Endpoints, Ingress, Meta, Node, Pod, Service};

/// A kind of object.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum ObjectKind {
    Node,
    Namespace,
    Service,
    Pod,
    Endpoints,
    EndpointSlice,
    Ingress,
    ReplicaSet,
    Job,
}

impl ObjectKind {
    /// Returns group, version and plural: the path below the server's, in front of and behind the namespace.
    fn path_parts(self) -> (&'static str, &'static str) {
        match self {
            Self::Node => ("api/v1", "nodes"),
            Self::Namespace => ("api/v1", "namespaces"),
            Self::Service => ("api/v1", "services"),
            Self::Pod => ("api/v1", "pods"),
            Self::Endpoints => ("api/v1", "endpoints"),
            Self::EndpointSlice => ("apis/discovery.k8s.io/v1", "endpointslices"),
            Self::Ingress => ("apis/networking.k8s.io/v1", "ingresses"),
            Self::ReplicaSet => ("apis/apps/v1", "replicasets"),
            Self::Job => ("apis/batch/v1", "jobs"),
        }
    }

    /// Returns the path of the list in a namespace, or of all namespaces if it is empty.
    pub(crate) fn path(self, namespace: &str) -> String {
        let (group, plural) = self.path_parts();
        if namespace.is_empty() {
            format!("{group}/{plural}")
        } else {
            format!("{group}/namespaces/{namespace}/{plural}")
        }
    }

    /// Returns the role of that name, as metrics and selectors have it; kinds that are no role have none.
    pub(crate) fn role(self) -> Option<&'static str> {
        match self {
            Self::Node => Some("node"),
            Self::Service => Some("service"),
            Self::Pod => Some("pod"),
            Self::Endpoints => Some("endpoints"),
            Self::EndpointSlice => Some("endpointslice"),
            Self::Ingress => Some("ingress"),
            Self::Namespace | Self::ReplicaSet | Self::Job => None,
        }
    }

    /// Returns the kind of a role.
    pub(crate) fn of_role(role: &str) -> Option<Self> {
        let roles = [Self::Node, Self::Service, Self::Pod, Self::Endpoints, Self::EndpointSlice, Self::Ingress];
        roles.into_iter().find(|kind| kind.role() == Some(role))
    }

    /// Returns the source of the group that an object makes.
    pub(crate) fn source(self, key: &str) -> String {
        let prefix = if self == Self::Service { "svc" } else { self.role().unwrap_or_default() };
        format!("{prefix}/{key}")
    }

    /// Reads one object.
    pub(crate) fn read(self, json: &serde_json::value::RawValue) -> serde_json::Result<Object> {
        let text = json.get();
        Ok(match self {
            Self::Node => Object::Node(serde_json::from_str(text)?),
            Self::Namespace | Self::ReplicaSet | Self::Job => Object::Bare(serde_json::from_str(text)?),
            Self::Service => Object::Service(serde_json::from_str(text)?),
            Self::Pod => Object::Pod(Arc::new(serde_json::from_str(text)?)),
            Self::Endpoints => Object::Endpoints(serde_json::from_str(text)?),
            Self::EndpointSlice => Object::EndpointSlice(serde_json::from_str(text)?),
            Self::Ingress => Object::Ingress(serde_json::from_str(text)?),
        })
    }
}

/// An object of any kind.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Object {
    Node(Node),
    Bare(Bare),
    Service(Service),
    Pod(Arc<Pod>),
    Endpoints(Endpoints),
    EndpointSlice(EndpointSlice),
    Ingress(Ingress),
}

impl Object {
    pub(crate) fn meta(&self) -> &Meta {
        match self {
            Self::Node(object) => &object.metadata,
            Self::Bare(object) => &object.metadata,
            Self::Service(object) => &object.metadata,
            Self::Pod(object) => &object.metadata,
            Self::Endpoints(object) => &object.metadata,
            Self::EndpointSlice(object) => &object.metadata,
            Self::Ingress(object) => &object.metadata,
        }
    }
}
