#include "ops/ml/list.h"

#include "ops/op_list.h"

namespace cycloid {

void add_ml_ops(OpList& list) {
  list.insert(list.end(), {
                              &kArrayFeatureExtractor,
                              &kBinarizer,
                              &kCastMap,
                              &kCategoryMapper,
                              &kDictVectorizer,
                              &kFeatureVectorizer,
                              &kImputer,
                              &kLabelEncoder,
                              &kLinearClassifier,
                              &kLinearRegressor,
                              &kNormalizer,
                              &kOneHotEncoder,
                              &kSVMClassifier,
                              &kSVMRegressor,
                              &kScaler,
                              &kTreeEnsemble,
                              &kTreeEnsembleClassifier,
                              &kTreeEnsembleRegressor,
                              &kZipMap,
                          });
}

}  // namespace cycloid
