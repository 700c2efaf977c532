#!/bin/bash
#
# Copies standard input to standard output with one change, and fails if there is not exactly one place for it:
#
#   mutate.sh WHAT BY
#
# Blanks in WHAT stand for any white space.

set -euo pipefail

WHAT=$1 BY=$2 perl -0777 -e '
  my $what = join("\\s+", map { quotemeta } split(/\s+/, $ENV{WHAT}));
  my $text = <STDIN>;
  my $places = () = $text =~ /$what/g;
  die "mutate.sh: $places places for the change\n" if $places != 1;
  $text =~ s/$what/$ENV{BY}/;
  print $text;
'
