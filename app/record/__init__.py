"""The record: the journals of cases, their trees and proofs."""
