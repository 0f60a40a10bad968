// The operators of ai.onnx.ml: classical models, and what prepares their features.
#pragma once

#include "ops/op.h"

namespace cycloid {

extern const Op kArrayFeatureExtractor;
extern const Op kBinarizer;
extern const Op kCastMap;
extern const Op kCategoryMapper;
extern const Op kDictVectorizer;
extern const Op kFeatureVectorizer;
extern const Op kImputer;
extern const Op kLabelEncoder;
extern const Op kLinearClassifier;
extern const Op kLinearRegressor;
extern const Op kNormalizer;
extern const Op kOneHotEncoder;
extern const Op kSVMClassifier;
extern const Op kSVMRegressor;
extern const Op kScaler;
extern const Op kTreeEnsemble;
extern const Op kTreeEnsembleClassifier;
extern const Op kTreeEnsembleRegressor;
extern const Op kZipMap;

}  // namespace cycloid
