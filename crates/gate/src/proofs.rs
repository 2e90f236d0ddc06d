//! Proofs that no step of the gate can be skipped, each beside a twin that compiles and differs in
//! one line. (`compile_fail` accepts any error: the twin shows that it is the intended one.)
//!
//! A decision needs a principal; what was presented is not enough:
//! ```
//! # use std::sync::Arc; use tollgate_gate::{Call, Gate, Permit, Presented, Principal};
//! fn m8_decided(gate: &Gate, who: &Arc<Principal>, call: Call) -> Option<Permit> {
//!     gate.decide(who, call).ok()
//! }
//! ```
//! ```compile_fail
//! # use std::sync::Arc; use tollgate_gate::{Call, Gate, Permit, Presented, Principal};
//! fn m8_decided(gate: &Gate, who: &Arc<Presented>, call: Call) -> Option<Permit> {
//!     gate.decide(who, call).ok()
//! }
//! ```
//!
//! A hold needs a permit; the call alone is not enough:
//! ```
//! # use tollgate_gate::{Call, Gate, Hold, Permit};
//! async fn m8_held(gate: &Gate, permit: &Permit) -> Option<Hold> {
//!     gate.reserve(permit).await.ok()
//! }
//! ```
//! ```compile_fail
//! # use tollgate_gate::{Call, Gate, Hold, Permit};
//! async fn m8_held(gate: &Gate, permit: &Call) -> Option<Hold> {
//!     gate.reserve(permit).await.ok()
//! }
//! ```
//!
//! Forwarding needs a hold; a permit is not enough:
//! ```
//! # use tollgate_gate::{Gate, Hold, Permit};
//! async fn m8_sent(gate: &Gate, hold: Hold) -> bool {
//!     gate.forward(hold).await.is_ok()
//! }
//! ```
//! ```compile_fail
//! # use tollgate_gate::{Gate, Hold, Permit};
//! async fn m8_sent(gate: &Gate, hold: Permit) -> bool {
//!     gate.forward(hold).await.is_ok()
//! }
//! ```
//!
//! A hold serves once:
//! ```
//! # use tollgate_gate::{Gate, Hold};
//! async fn m8_once(gate: &Gate, hold: Hold) {
//!     drop(gate.forward(hold).await);
//! }
//! ```
//! ```compile_fail
//! # use tollgate_gate::{Gate, Hold};
//! async fn m8_once(gate: &Gate, hold: Hold) {
//!     drop(gate.forward(hold).await);
//!     drop(gate.forward(hold).await);
//! }
//! ```
//!
//! It cannot be copied:
//! ```
//! # use tollgate_gate::Hold;
//! fn m8_kept(hold: Hold) -> Hold {
//!     hold
//! }
//! ```
//! ```compile_fail
//! # use tollgate_gate::Hold;
//! fn m8_kept(hold: &Hold) -> Hold {
//!     hold.clone()
//! }
//! ```
//!
//! A permit cannot be made outside:
//! ```
//! # use tollgate_gate::Permit;
//! fn m8_named(permit: Permit) -> String {
//!     permit.model().to_owned()
//! }
//! ```
//! ```compile_fail
//! # use tollgate_gate::Permit;
//! fn m8_named(permit: Permit) -> String {
//!     let permit = Permit(permit.0);
//!     permit.model().to_owned()
//! }
//! ```
//!
//! Nor can a principal, of what somebody else's credential stands for:
//! ```
//! # use tollgate_gate::Principal;
//! fn m8_who(me: Principal, other: Principal) -> Principal {
//!     me
//! }
//! ```
//! ```compile_fail
//! # use tollgate_gate::Principal;
//! fn m8_who(me: Principal, other: Principal) -> Principal {
//!     let me = Principal { known: other.known, ..me };
//!     me
//! }
//! ```
//!
//! Nor a warrant, with a wider reach than its own:
//! ```
//! # use tollgate_gate::{Reach, Warrant};
//! fn m8_warranted(own: Warrant) -> Warrant {
//!     own
//! }
//! ```
//! ```compile_fail
//! # use tollgate_gate::{Reach, Warrant};
//! fn m8_warranted(own: Warrant) -> Warrant {
//!     let own = Warrant { reach: Reach::All, ..own };
//!     own
//! }
//! ```
//!
//! Nor a hold, of what another one holds:
//! ```
//! # use tollgate_gate::{Gate, Hold};
//! async fn m8_own(gate: &Gate, hold: Hold, cheap: Hold) -> bool {
//!     gate.forward(hold).await.is_ok()
//! }
//! ```
//! ```compile_fail
//! # use tollgate_gate::{Gate, Hold};
//! async fn m8_own(gate: &Gate, hold: Hold, cheap: Hold) -> bool {
//!     let hold = Hold { held: cheap.held, ..hold };
//!     gate.forward(hold).await.is_ok()
//! }
//! ```
//!
//! Nor an answer that is not metered:
//! ```
//! # use bytes::Bytes; use tollgate_gate::Metered;
//! fn m8_metered(answer: Metered, bytes: Bytes) -> Metered {
//!     answer
//! }
//! ```
//! ```compile_fail
//! # use bytes::Bytes; use tollgate_gate::Metered;
//! fn m8_metered(answer: Metered, bytes: Bytes) -> Metered {
//!     let answer = Metered::whole(bytes);
//!     answer
//! }
//! ```
//!
//! Nor can the right to act as the server itself:
//! ```
//! # use std::sync::Arc; use tollgate_gate::{Gate, JobToken, Jobs, Principal}; use
//! tollgate_kernel::Job; fn as_server(gate: &Gate, jobs: &Jobs) -> Arc<Principal> {
//!     gate.system(&jobs.token(Job::Sweep))
//! }
//! ```
//! ```compile_fail
//! # use std::sync::Arc; use tollgate_gate::{Gate, JobToken, Jobs, Principal}; use
//! tollgate_kernel::Job; fn as_server(gate: &Gate, jobs: &Jobs) -> Arc<Principal> {
//!     gate.system(&JobToken(Job::Sweep))
//! }
//! ```
//!
//! A transaction needs a warrant:
//! ```
//! # use std::sync::Arc; use tollgate_gate::{Gate, Principal, Warrant};
//! async fn m8_begun(gate: &Gate, warrant: &Warrant) -> bool {
//!     gate.begin(warrant).await.is_ok()
//! }
//! ```
//! ```compile_fail
//! # use std::sync::Arc; use tollgate_gate::{Gate, Principal, Warrant};
//! async fn m8_begun(gate: &Gate, warrant: &Arc<Principal>) -> bool {
//!     gate.begin(warrant).await.is_ok()
//! }
//! ```
//!
//! And it commits with an audit event, or not at all:
//! ```
//! # use tollgate_store::{AuditEvent, Tx};
//! async fn m8_done(tx: Tx) -> bool {
//!     tx.commit(AuditEvent::new("key.revoke", "key:1")).await.is_ok()
//! }
//! ```
//! ```compile_fail
//! # use tollgate_store::{AuditEvent, Tx};
//! async fn m8_done(tx: Tx) -> bool {
//!     tx.commit().await.is_ok()
//! }
//! ```
//!
//! Who wires the gate has no writer left:
//! ```
//! # use tollgate_gate::{Gate, Parts}; use tollgate_store::{Actor, Writer};
//! async fn m8_wired(parts: Parts) {
//!     drop(Gate::new(parts).await);
//! }
//! ```
//! ```compile_fail
//! # use tollgate_gate::{Gate, Parts}; use tollgate_store::{Actor, Writer};
//! async fn m8_wired(parts: Parts) {
//!     drop(Gate::new(parts).await);
//!     let writer: Writer = parts.writer;
//! }
//! ```
