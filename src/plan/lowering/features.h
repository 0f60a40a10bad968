// Lowerings of the classical models but trees: linear models, support vector machines, and what makes features fit for a model.
#pragma once

#include "plan/lowering/lowering.h"

namespace cycloid {

Declined lower_label_encoder(Lowering& lowering, NodeId id);
Declined lower_linear(Lowering& lowering, NodeId id);  // LinearClassifier, LinearRegressor
Declined lower_scaler(Lowering& lowering, NodeId id);
Declined lower_normalizer(Lowering& lowering, NodeId id);
Declined lower_svm(Lowering& lowering, NodeId id);  // SVMClassifier, SVMRegressor
Declined lower_tf_idf(Lowering& lowering, NodeId id);

}  // namespace cycloid
