//! The exchange of a session's clients for new ones, between two collections.

use std::collections::BTreeMap;

use super::files::FileStates;
use super::replacement::AttemptOutcome;
use super::schedule::Urgency;
use super::{Look, Uncounted};
use crate::kafka::collection_context::CollectionContext;
use crate::kafka::native::CreateError;
use crate::kafka::session::clients::Clients;
use crate::kafka::session::{Session, TimestampSource};
use crate::snapshot::{Api, ReloadResult};

// === impl Session ===

impl Session {
    /// Follows changes of the files with credentials. To be called between collections only, because it may replace the clients.
    pub(in crate::kafka::session) fn follow_credentials(&mut self, look: Look) {
        if self.credentials.is_empty() {
            return;
        }
        if let Some((attempt, states)) = self.credentials.finished_attempt() {
            self.take_attempt(attempt.outcome, states);
        }
        if self.credentials.replacement.is_some() {
            return;
        }
        let urgency = if self.n_without_metadata > 0 {
            Urgency::Urgent
        } else {
            Urgency::Usual
        };
        let Some(states) = self.credentials.look(look, urgency) else {
            return;
        };
        match urgency {
            Urgency::Usual => {
                let maker = self.maker.clone();
                self.credentials
                    .start(maker, &states, self.timeouts.request);
            }
            Urgency::Urgent => {
                if let Err(error) = self.replace_clients_untried() {
                    self.credentials.refuse(&states, error.to_string());
                }
            }
        }
    }

    /// Counts what has happened with the files since the last collection.
    pub(in crate::kafka::session) fn count_reloads(
        &mut self,
        context: &mut CollectionContext<'_>,
    ) -> BTreeMap<ReloadResult, u64> {
        let Uncounted {
            reloads,
            n_requests,
        } = std::mem::take(&mut self.credentials.uncounted);
        for _ in 0..n_requests {
            context.count_request(Api::Metadata);
        }
        reloads
    }

    /// Makes new clients with the files as they are, and uses them without a login.
    ///
    /// # Errors
    /// librdkafka refuses a property, or a file that a property names.
    pub(in crate::kafka::session) fn replace_clients_untried(&mut self) -> Result<(), CreateError> {
        let states = self.credentials.files.look();
        let clients = self.maker.make()?;
        self.use_clients(clients, states);
        self.n_without_metadata = 0;
        self.connection_errors.forget_success();
        Ok(())
    }

    fn take_attempt(&mut self, outcome: AttemptOutcome, states: FileStates) {
        match outcome {
            AttemptOutcome::LoggedIn(clients) => self.use_clients(*clients, states),
            AttemptOutcome::Refused(error) => {
                self.credentials.refuse(&states, error.to_string());
            }
            AttemptOutcome::NoLogin(error) => {
                self.credentials.fail_login(&states, error);
                if let Some(metadata) = &mut self.metadata {
                    metadata.mark_outdated();
                }
            }
            AttemptOutcome::Overtaken => {}
        }
    }

    /// Puts `clients`, which were made with files in these states, in the place of those in use.
    fn use_clients(&mut self, clients: Clients, states: FileStates) {
        let Clients {
            client,
            read_committed_client,
            reader,
        } = clients;
        let reader = match &mut self.timestamps {
            TimestampSource::Records(records) => records.replace_reader(reader),
            TimestampSource::Off | TimestampSource::History(_) => None,
        };
        let replaced = Clients {
            client: std::mem::replace(&mut self.client, client),
            read_committed_client: std::mem::replace(
                &mut self.read_committed_client,
                read_committed_client,
            ),
            reader,
        };
        self.credentials.retire(replaced);
        self.credentials.succeed(states);
    }
}
