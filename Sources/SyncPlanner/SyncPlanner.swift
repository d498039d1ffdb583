/// Decides what a round does, from the views and the policy, without doing any of it (DESIGN.md section 4).
package enum SyncPlanner {}
