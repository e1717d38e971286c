//! A scripted driver of oarlock for tests of code above the contract.
