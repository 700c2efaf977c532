module weft/tools/bench

go 1.19
