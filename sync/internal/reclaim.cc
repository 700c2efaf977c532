#include "weft/sync/internal/reclaim.h"

#include "weft/sync/internal/reclaim_domain.h"

namespace weft::sync_internal {
namespace {

ReclaimDomain& TheDomain() {
  static ReclaimDomain& domain = *new ReclaimDomain;
  return domain;
}

}  // namespace

ReadSection::ReadSection() : count_(TheDomain().Enter()) {}

void Retire(Retired* object) { TheDomain().Retire(object); }

void Reclaim() { TheDomain().Reclaim(); }

}  // namespace weft::sync_internal
