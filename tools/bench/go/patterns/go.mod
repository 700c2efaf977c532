module weft/tools/bench/patterns

go 1.26.0

require (
	github.com/Jeffail/tunny v0.1.4
	github.com/destel/rill v0.7.0
	github.com/panjf2000/ants/v2 v2.11.4
	github.com/sony/gobreaker/v2 v2.4.0
	github.com/sourcegraph/conc v0.3.0
	golang.org/x/sync v0.24.0
	golang.org/x/time v0.16.0
)

require (
	go.uber.org/atomic v1.7.0 // indirect
	go.uber.org/multierr v1.9.0 // indirect
)
