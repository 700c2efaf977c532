// model_nodes.h: where the nodes of contexts live under the model explorer, so that what is done to
// one after its end is found.
//
// model_nodes.cc takes the place of the operators new and delete for what is aligned as a node is,
// and of what a context asks of the scheduler: a fiber runs at once, where it is started.
#ifndef WEFT_CONTEXT_MODEL_NODES_H_
#define WEFT_CONTEXT_MODEL_NODES_H_

namespace weft::context_model {

// To be called first in a program: from here on no address is used twice until the next call, and
// each execution finds the same ones.
void BeginNodes();

// How many of the nodes made since then have not been deleted.
int LiveNodes();

}  // namespace weft::context_model

#endif  // WEFT_CONTEXT_MODEL_NODES_H_
