// Package terminal owns the user's terminal: its modes, its keyboard, its screen and the questions asked on it.
package terminal
