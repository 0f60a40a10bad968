"""The models of tests/sklearn_test.py: estimators of scikit-learn, LightGBM and XGBoost, fitted on seeded synthetic data.

Numbers are multiples of 1/64. Half the sum of two of them is a float32 number, so that a tree's thresholds are the same
in float32 as in float64, and every number is at least 1/128 away from each: no rounding moves a row to another leaf.
"""

import dataclasses
from typing import Any

import numpy as np

FEATURES = 8
ROWS = 240


@dataclasses.dataclass(frozen=True)
class Case:
    """An estimator and what it is fitted on.

    results: what the ONNX outputs stand for, in their order: methods, or functions of (estimator, x).
    terms: the most roundings that one number of an output gathers, in float32; see tolerance() of the test.
    export: "skl2onnx", "lightgbm" or "xgboost". options: of the exporter.
    not_the_model: why the exporter's graph computes something else; it is compared with ONNX Runtime instead.
    not_exported: words with which the exporter declines it.
    """

    name: str
    estimator: Any  # not fitted
    data: str = "classes"
    results: tuple = ()
    terms: int = 4 * FEATURES
    export: str = "skl2onnx"
    options: dict = dataclasses.field(default_factory=dict)
    not_the_model: str = ""
    not_exported: str = ""


@dataclasses.dataclass(frozen=True)
class Data:
    x: Any  # for the training
    y: Any
    fresh: Any  # rows that the training did not see


def on_grid(values):
    return (np.round(np.asarray(values) * 64) / 64).astype(np.float32)


def halves(x, y):
    return Data(x[:ROWS], y[:ROWS], x[ROWS:])


def blobs(classes):
    random = np.random.default_rng(1)
    centres = random.normal(size=(classes, FEATURES)) * 1.5
    y = random.integers(0, classes, 2 * ROWS)
    return centres[y] + random.normal(size=(2 * ROWS, FEATURES)), y


def classes_data(kind):
    x, y = blobs(2 if kind == "two" else 3)
    if kind == "words":
        y = np.array(["ant", "bee", "cat"])[y]
    if kind == "real":  # off the grid: no two distances are the same
        return halves(x.astype(np.float32), y)
    x = on_grid(x)
    if kind == "positive":
        x = np.abs(x) + np.float32(1 / 64)
    if kind == "counts":
        x = np.floor(np.abs(x) * 2).astype(np.float32)
    if kind == "bits":
        x = (x > 0).astype(np.float32)
    if kind == "missing":
        x[np.random.default_rng(3).random(x.shape) < 0.15] = np.nan
    return halves(x, y)


def numbers_data(kind):
    random = np.random.default_rng(2)
    x = on_grid(random.normal(size=(2 * ROWS, FEATURES)))
    y = x.astype(np.float64) @ random.normal(size=(FEATURES, 2)) + np.sin(x[:, :2].astype(np.float64))
    y = np.round((y + 0.1 * random.normal(size=y.shape)) * 64) / 64
    if kind == "rates":
        y = np.exp(y / 4) + 0.1
    return halves(x, y if kind == "two numbers" else y[:, 0])


def categories_data(kind):
    random = np.random.default_rng(4)
    codes = np.stack([random.integers(0, size, 2 * ROWS) for size in (3, 5, 2)], axis=1)
    y = (codes.sum(axis=1) + random.integers(0, 2, 2 * ROWS)) % (2 if kind == "codes of two" else 3)
    if kind.startswith("codes"):
        return halves(codes.astype(np.int64), y)
    names = [["red", "green", "blue"], ["s", "m", "l", "xl", "żółty"], ["yes", "no"]]
    words = np.stack([np.array(names[j], dtype=object)[codes[:, j]] for j in range(3)], axis=1)
    if kind == "categories":
        return halves(words, y)
    # "mixed": columns of numbers, with gaps, beside columns of words
    numbers = on_grid(random.normal(size=(2 * ROWS, 2)))
    numbers[random.random(numbers.shape) < 0.1] = np.nan
    return halves(np.concatenate([numbers.astype(object), words], axis=1), y)


def texts_data(_):
    random = np.random.default_rng(5)
    sentence = "the a quick brown fox jumps over lazy dog runs far from home and Back again_2 today"
    words = sentence.split()
    texts = np.array([" ".join(random.choice(words, random.integers(1, 12))) for _ in range(2 * ROWS)], dtype=object)
    texts[::7] += ", yes!"
    y = np.array([int(("fox" in text) + ("dog" in text) > 0) for text in texts])
    return halves(texts, y)


def make_data(kind):
    if kind in ("classes", "two", "words", "real", "positive", "counts", "bits", "missing"):
        return classes_data(kind)
    if kind in ("numbers", "two numbers", "rates"):
        return numbers_data(kind)
    return {"texts": texts_data}.get(kind, categories_data)(kind)


CLASSIFIER = ("predict", "predict_proba")
SCORER = ("predict", "decision_function")
REGRESSOR = ("predict",)
TRANSFORMER = ("transform",)


def two_scores(estimator, x):
    """The score of the second class; the exporter writes the first class's, its negative, beside it."""
    scores = estimator.decision_function(x)
    return np.stack([-scores, scores], axis=1)


def linear_cases():
    from sklearn import linear_model as lm
    from sklearn import svm

    for kind in ("classes", "two", "words"):
        yield Case(f"LogisticRegression, {kind}", lm.LogisticRegression(), kind, CLASSIFIER)
    yield Case("LogisticRegressionCV", lm.LogisticRegressionCV(Cs=3, cv=3), results=CLASSIFIER)
    logistic = lm.SGDClassifier(loss="log_loss", random_state=0)
    yield Case("SGDClassifier, log_loss", logistic, results=CLASSIFIER)
    raw = {"raw_scores": True}
    for make in (lm.SGDClassifier, lm.Perceptron):
        yield Case(make.__name__, make(random_state=0), results=SCORER, options=raw)
    yield Case("RidgeClassifier", lm.RidgeClassifier(), results=SCORER, options=raw)
    yield Case("LinearSVC", svm.LinearSVC(), results=SCORER, options=raw)
    for make in (
        lm.LinearRegression, lm.Ridge, lm.RidgeCV, lm.Lasso, lm.LassoCV, lm.LassoLars, lm.Lars, lm.ElasticNet,
        lm.BayesianRidge, lm.ARDRegression, lm.HuberRegressor, lm.TheilSenRegressor, lm.OrthogonalMatchingPursuit,
        lm.SGDRegressor, lm.RANSACRegressor, lm.QuantileRegressor, lm.TweedieRegressor, svm.LinearSVR,
    ):  # fmt: skip
        seed = {"random_state": 0} if "random_state" in make().get_params() else {}
        yield Case(make.__name__, make(**seed), "numbers", REGRESSOR)
    for make in (lm.PoissonRegressor, lm.GammaRegressor):
        yield Case(make.__name__, make(), "rates", REGRESSOR)
    for make in (lm.LinearRegression, lm.MultiTaskLasso, lm.MultiTaskElasticNet):
        yield Case(f"{make.__name__}, two targets", make(), "two numbers", REGRESSOR)


def support_vector_cases():
    from sklearn import svm

    # A sum over at most all rows of the training.
    for kernel in ("linear", "rbf", "poly", "sigmoid"):
        make = svm.SVC(kernel=kernel, probability=True, random_state=0)
        yield Case(f"SVC, {kernel}", make, results=CLASSIFIER, terms=ROWS)
        yield Case(f"SVR, {kernel}", svm.SVR(kernel=kernel), "numbers", REGRESSOR, ROWS)
    raw = {"raw_scores": True}
    yield Case("SVC, scores of two", svm.SVC(), "two", ("predict", two_scores), ROWS, options=raw)
    ovo = svm.SVC(decision_function_shape="ovo")
    yield Case("SVC, scores of pairs", ovo, "classes", SCORER, ROWS, options=raw)
    nu = svm.NuSVC(probability=True, random_state=0)
    yield Case("NuSVC", nu, "words", CLASSIFIER, ROWS)
    yield Case("NuSVR", svm.NuSVR(), "numbers", REGRESSOR, ROWS)
    yield Case("OneClassSVM", svm.OneClassSVM(), "classes", SCORER, ROWS)


def neighbour_cases():
    from sklearn import neighbors

    for weights in ("uniform", "distance"):
        classify = neighbors.KNeighborsClassifier(weights=weights)
        yield Case(f"KNeighborsClassifier, {weights}", classify, "real", CLASSIFIER)
        regress = neighbors.KNeighborsRegressor(weights=weights)
        yield Case(f"KNeighborsRegressor, {weights}", regress, "real", REGRESSOR)
    manhattan = neighbors.KNeighborsClassifier(metric="manhattan")
    yield Case("KNeighborsClassifier, manhattan", manhattan, "real", CLASSIFIER)
    # Where a row of the training is no neighbour the exported graph takes index -1, which no runtime does. Here all are.
    yield Case("RadiusNeighborsClassifier", neighbors.RadiusNeighborsClassifier(100.0), "real", CLASSIFIER, ROWS)
    yield Case("RadiusNeighborsRegressor", neighbors.RadiusNeighborsRegressor(100.0), "real", REGRESSOR, ROWS)
    yield Case("LocalOutlierFactor", neighbors.LocalOutlierFactor(novelty=True), "real", SCORER)
    analysis = neighbors.NeighborhoodComponentsAnalysis(3, random_state=0, max_iter=10)
    yield Case("NeighborhoodComponentsAnalysis", analysis, results=TRANSFORMER)


def probabilistic_cases():
    from sklearn import discriminant_analysis, gaussian_process, mixture, naive_bayes

    for make, kind in (
        (naive_bayes.GaussianNB, "classes"), (naive_bayes.BernoulliNB, "bits"), (naive_bayes.MultinomialNB, "counts"),
        (naive_bayes.ComplementNB, "counts"), (naive_bayes.CategoricalNB, "codes"),
        (discriminant_analysis.LinearDiscriminantAnalysis, "classes"),
        (discriminant_analysis.QuadraticDiscriminantAnalysis, "classes"),
    ):  # fmt: skip
        yield Case(make.__name__, make(), kind, CLASSIFIER)
    for make in (mixture.GaussianMixture, mixture.BayesianGaussianMixture):
        yield Case(make.__name__, make(n_components=3, random_state=0), "classes", CLASSIFIER)
    kernels = gaussian_process.kernels
    for name, kernel in (
        ("RBF", kernels.RBF(3.0)),
        ("Matern", kernels.Matern(2.0, nu=1.5)),
        ("RationalQuadratic", kernels.RationalQuadratic(2.0, 1.5)),
        ("sum", kernels.ConstantKernel(0.5) * kernels.RBF(3.0) + kernels.DotProduct(0.1)),
    ):
        process = gaussian_process.GaussianProcessRegressor(kernel, alpha=0.1, optimizer=None)
        yield Case(f"GaussianProcessRegressor, {name}", process, "numbers", REGRESSOR, ROWS)
    process = gaussian_process.GaussianProcessClassifier(kernels.RBF(2.0), optimizer=None)
    # The probability is a sum of five terms of up to 1700 that cancel.
    yield Case("GaussianProcessClassifier", process, "two", CLASSIFIER, 16)


def tree_cases():
    from sklearn import ensemble, tree

    yield Case("DecisionTreeClassifier", tree.DecisionTreeClassifier(random_state=0), results=CLASSIFIER, terms=1)
    single = tree.DecisionTreeRegressor(random_state=0)
    yield Case("DecisionTreeRegressor", single, "numbers", REGRESSOR, 1)
    yield Case("DecisionTreeRegressor, two targets", single, "two numbers", REGRESSOR, 1)
    yield Case("ExtraTreeClassifier", tree.ExtraTreeClassifier(random_state=0), results=CLASSIFIER, terms=1)
    trees, seed = 20, {"random_state": 0}
    for kind in ("classes", "two", "words", "missing"):
        forest = ensemble.RandomForestClassifier(trees, **seed)
        reason = "a missing number goes where no tree was trained to send it" if kind == "missing" else ""
        yield Case(f"RandomForestClassifier, {kind}", forest, kind, CLASSIFIER, trees + 2, not_the_model=reason)
        boosted = ensemble.HistGradientBoostingClassifier(max_iter=trees, **seed)
        yield Case(f"HistGradientBoostingClassifier, {kind}", boosted, kind, CLASSIFIER, trees + 8)
        if kind != "missing":
            boosted = ensemble.GradientBoostingClassifier(n_estimators=trees, **seed)
            yield Case(f"GradientBoostingClassifier, {kind}", boosted, kind, CLASSIFIER, trees + 8)
    for make in (ensemble.RandomForestRegressor, ensemble.ExtraTreesRegressor, ensemble.GradientBoostingRegressor):
        yield Case(make.__name__, make(n_estimators=trees, **seed), "numbers", REGRESSOR, trees + 2)
    boosted = ensemble.HistGradientBoostingRegressor(max_iter=trees, **seed)
    yield Case("HistGradientBoostingRegressor", boosted, "numbers", REGRESSOR, trees + 2)
    extra = ensemble.ExtraTreesClassifier(trees, **seed)
    yield Case("ExtraTreesClassifier", extra, results=CLASSIFIER, terms=trees + 2)
    yield Case("IsolationForest", ensemble.IsolationForest(n_estimators=10, **seed), results=SCORER)
    embedding = ensemble.RandomTreesEmbedding(5, max_depth=3, sparse_output=False, **seed)
    yield Case("RandomTreesEmbedding", embedding, results=TRANSFORMER, terms=1)


def composed_cases():
    from sklearn import calibration, ensemble, model_selection, multiclass, multioutput, naive_bayes, tree
    from sklearn import linear_model as lm

    seed = {"random_state": 0}
    yield Case("AdaBoostClassifier", ensemble.AdaBoostClassifier(n_estimators=10, **seed), results=CLASSIFIER)
    yield Case("AdaBoostRegressor", ensemble.AdaBoostRegressor(n_estimators=10, **seed), "numbers", REGRESSOR)
    yield Case("BaggingClassifier", ensemble.BaggingClassifier(n_estimators=5, **seed), results=CLASSIFIER)
    yield Case("BaggingRegressor", ensemble.BaggingRegressor(n_estimators=5, **seed), "numbers", REGRESSOR)
    shallow = tree.DecisionTreeClassifier(max_depth=3, **seed)
    classifiers = [("a", lm.LogisticRegression()), ("b", naive_bayes.GaussianNB()), ("c", shallow)]
    soft = ensemble.VotingClassifier(classifiers, voting="soft", flatten_transform=False)
    yield Case("VotingClassifier, soft", soft, results=CLASSIFIER)
    yield Case("StackingClassifier", ensemble.StackingClassifier(classifiers), results=CLASSIFIER)
    regressors = [("a", lm.Ridge()), ("b", tree.DecisionTreeRegressor(max_depth=4, **seed))]
    for make in (ensemble.VotingRegressor, ensemble.StackingRegressor):
        yield Case(make.__name__, make(regressors), "numbers", REGRESSOR)
    for method in ("sigmoid", "isotonic"):
        logistic = calibration.CalibratedClassifierCV(lm.LogisticRegression(), cv=2, method=method)
        reason = "it takes the nearest of the regression's steps, and scikit-learn a line between two"
        different = reason if method == "isotonic" else ""
        yield Case(f"CalibratedClassifierCV, {method}", logistic, results=CLASSIFIER, not_the_model=different)
    rest = multiclass.OneVsRestClassifier(lm.LogisticRegression())
    yield Case("OneVsRestClassifier", rest, results=CLASSIFIER)
    yield Case("OneVsOneClassifier", multiclass.OneVsOneClassifier(lm.LogisticRegression()), results=("predict",))
    yield Case("MultiOutputRegressor", multioutput.MultiOutputRegressor(lm.Ridge()), "two numbers", REGRESSOR)
    grid = model_selection.GridSearchCV(lm.LogisticRegression(), {"C": [0.1, 1.0]}, cv=2)
    yield Case("GridSearchCV", grid, results=CLASSIFIER)


def network_and_cluster_cases():
    from sklearn import cluster, neural_network

    for activation in ("relu", "tanh", "logistic", "identity"):
        make = neural_network.MLPClassifier((16,), activation, random_state=0, max_iter=60)
        yield Case(f"MLPClassifier, {activation}", make, results=CLASSIFIER, terms=4 * (FEATURES + 16))
    deep = neural_network.MLPRegressor(hidden_layer_sizes=(16, 8), random_state=0, max_iter=60)
    yield Case("MLPRegressor", deep, "numbers", REGRESSOR, 4 * (FEATURES + 16 + 8))
    for make in (cluster.KMeans, cluster.MiniBatchKMeans):
        yield Case(make.__name__, make(4, random_state=0, n_init=1), "real", ("predict", "transform"))


def transformer_cases():
    from sklearn import cross_decomposition, decomposition, feature_selection, impute, random_projection
    from sklearn import linear_model as lm
    from sklearn import preprocessing as pre

    for make in (
        pre.StandardScaler, pre.MinMaxScaler, pre.MaxAbsScaler, pre.RobustScaler, pre.Normalizer, pre.Binarizer,
        pre.PolynomialFeatures, pre.PowerTransformer, feature_selection.VarianceThreshold, decomposition.PCA,
        decomposition.IncrementalPCA,
    ):  # fmt: skip
        yield Case(make.__name__, make(), results=TRANSFORMER)
    yield Case("Normalizer, l1", pre.Normalizer(norm="l1"), results=TRANSFORMER)
    reason = "ONNX's MAX divides by the largest number, scikit-learn by the largest magnitude"
    yield Case("Normalizer, max", pre.Normalizer(norm="max"), results=TRANSFORMER, not_the_model=reason)
    yield Case("PowerTransformer, box-cox", pre.PowerTransformer("box-cox"), "positive", TRANSFORMER)
    for encode in ("ordinal", "onehot-dense"):
        bins = pre.KBinsDiscretizer(4, encode=encode, strategy="uniform")
        yield Case(f"KBinsDiscretizer, {encode}", bins, "real", TRANSFORMER, 1)
    for kind in ("categories", "codes"):
        one_hot = pre.OneHotEncoder(sparse_output=False, handle_unknown="ignore")
        yield Case(f"OneHotEncoder, {kind}", one_hot, kind, TRANSFORMER, 1)
        yield Case(f"OrdinalEncoder, {kind}", pre.OrdinalEncoder(), kind, TRANSFORMER, 1)
    yield Case("TargetEncoder", pre.TargetEncoder(random_state=0), "codes of two", TRANSFORMER)
    yield Case("SelectKBest", feature_selection.SelectKBest(k=3), results=TRANSFORMER, terms=1)
    chosen = feature_selection.SelectFromModel(lm.LogisticRegression())
    yield Case("SelectFromModel", chosen, results=TRANSFORMER, terms=1)
    yield Case("PCA, whitened", decomposition.PCA(3, whiten=True), results=TRANSFORMER)
    yield Case("TruncatedSVD", decomposition.TruncatedSVD(3, random_state=0), results=TRANSFORMER)
    kernel = decomposition.KernelPCA(3, kernel="rbf", gamma=0.05)
    yield Case("KernelPCA", kernel, results=TRANSFORMER, terms=ROWS)
    random = random_projection.GaussianRandomProjection(3, random_state=0)
    yield Case("GaussianRandomProjection", random, results=TRANSFORMER)
    yield Case("PLSRegression", cross_decomposition.PLSRegression(2), "two numbers", REGRESSOR)
    for strategy in ("mean", "median", "most_frequent"):
        fill = impute.SimpleImputer(strategy=strategy)
        yield Case(f"SimpleImputer, {strategy}", fill, "missing", TRANSFORMER, 1)
    yield Case("KNNImputer", impute.KNNImputer(n_neighbors=3), "missing", TRANSFORMER)


def pipeline_cases():
    from sklearn import compose, decomposition, ensemble, impute, svm
    from sklearn import linear_model as lm
    from sklearn import preprocessing as pre
    from sklearn.pipeline import FeatureUnion, make_pipeline

    scaled = make_pipeline(pre.StandardScaler(), lm.LogisticRegression())
    yield Case("scaler, logistic", scaled, "words", CLASSIFIER)
    dictionaries = {"zipmap": True}
    yield Case("scaler, logistic, dictionaries", scaled, "words", CLASSIFIER, options=dictionaries)
    imputed = make_pipeline(
        impute.SimpleImputer(strategy="median"), pre.MinMaxScaler(), ensemble.RandomForestClassifier(10, random_state=0)
    )
    yield Case("imputer, scaler, forest", imputed, "missing", CLASSIFIER)
    reduced = make_pipeline(pre.StandardScaler(), decomposition.PCA(4), svm.SVC(probability=True, random_state=0))
    yield Case("scaler, PCA, SVC", reduced, results=CLASSIFIER, terms=ROWS)
    powers = make_pipeline(pre.PolynomialFeatures(2), pre.StandardScaler(), lm.Ridge())
    yield Case("polynomials, scaler, ridge", powers, "numbers", REGRESSOR, 200)
    union = make_pipeline(
        FeatureUnion([("pca", decomposition.PCA(2)), ("scaled", pre.RobustScaler())]), lm.LogisticRegression()
    )
    yield Case("union, logistic", union, results=CLASSIFIER)
    one_hot = make_pipeline(pre.OneHotEncoder(handle_unknown="ignore"), lm.LogisticRegression())
    yield Case("one-hot, logistic", one_hot, "categories", CLASSIFIER)
    mixed = make_pipeline(
        compose.ColumnTransformer(
            [
                ("numbers", make_pipeline(impute.SimpleImputer(), pre.StandardScaler()), [0, 1]),
                ("words", pre.OneHotEncoder(handle_unknown="ignore"), [2, 3, 4]),
            ]
        ),
        lm.LogisticRegression(),
    )
    yield Case("columns of numbers and words, logistic", mixed, "mixed", CLASSIFIER)


def log_of_one_more(estimator, x):
    """With sublinear_tf scikit-learn takes 1 + log(count), and what the exporter writes is log(1 + count)."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.preprocessing import normalize

    vectorizer, classifier = estimator[0], estimator[-1]
    counts = CountVectorizer.transform(vectorizer, x).toarray()
    return classifier.predict_proba(normalize(np.log1p(counts) * vectorizer.idf_))


def text_cases():
    from sklearn import linear_model as lm
    from sklearn import naive_bayes
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
    from sklearn.pipeline import make_pipeline

    logistic, bayes = lm.LogisticRegression(), naive_bayes.MultinomialNB()
    exact = r"[a-zA-Z0-9_]+"
    for name, vectorizer, last in (
        ("TfidfVectorizer, logistic", TfidfVectorizer(token_pattern=exact), logistic),
        ("CountVectorizer of pairs, logistic", CountVectorizer(token_pattern=exact, ngram_range=(1, 2)), logistic),
        ("CountVectorizer, naive Bayes", CountVectorizer(token_pattern=exact), bayes),
        ("CountVectorizer of bits, logistic", CountVectorizer(token_pattern=exact, binary=True), logistic),
        ("TfidfVectorizer without stop words, logistic", TfidfVectorizer(token_pattern=exact, stop_words=["the", "a"], norm="l1"), logistic),
        ("TfidfVectorizer, case kept, logistic", TfidfVectorizer(token_pattern=exact, lowercase=False), logistic),
        ("CountVectorizer of letters, logistic", CountVectorizer(analyzer="char", ngram_range=(1, 2)), logistic),
    ):  # fmt: skip
        yield Case(name, make_pipeline(vectorizer, last), "texts", CLASSIFIER, 64)
    logarithms = TfidfVectorizer(token_pattern="[a-z]+", sublinear_tf=True)
    results = (lambda estimator, x: log_of_one_more(estimator, x).argmax(axis=1), log_of_one_more)
    yield Case("TfidfVectorizer of logarithms, logistic", make_pipeline(logarithms, logistic), "texts", results, 64)


def lightgbm_cases():
    import lightgbm

    # One thread and one order of sums, for the same model on each machine.
    common = {
        "n_estimators": 20,
        "num_leaves": 15,
        "random_state": 0,
        "n_jobs": 1,
        "deterministic": True,
        "verbose": -1,
    }
    for kind in ("classes", "two", "words", "missing"):
        make = lightgbm.LGBMClassifier(**common)
        yield Case(f"LGBMClassifier, {kind}", make, kind, CLASSIFIER, 28, "lightgbm")
    yield Case("LGBMRegressor", lightgbm.LGBMRegressor(**common), "numbers", REGRESSOR, 22, "lightgbm")
    for objective in ("poisson", "gamma", "tweedie"):
        make = lightgbm.LGBMRegressor(objective=objective, **common)
        yield Case(f"LGBMRegressor, {objective}", make, "rates", REGRESSOR, 28, "lightgbm")
    forest = lightgbm.LGBMRegressor(boosting_type="rf", bagging_freq=1, bagging_fraction=0.7, **common)
    reason = "the sum of the trees, and LightGBM takes their mean"
    yield Case("LGBMRegressor, forest", forest, "numbers", REGRESSOR, 22, "lightgbm", not_the_model=reason)


def xgboost_cases():
    import xgboost

    common = {"n_estimators": 20, "max_depth": 4, "random_state": 0, "n_jobs": 1}
    for kind in ("classes", "two", "missing"):
        make = xgboost.XGBClassifier(**common)
        yield Case(f"XGBClassifier, {kind}", make, kind, CLASSIFIER, 28, "xgboost")
    make = xgboost.XGBRegressor(**common)
    yield Case("XGBRegressor", make, "numbers", REGRESSOR, 22, "xgboost")
    for objective in ("count:poisson", "reg:gamma", "reg:tweedie"):
        make = xgboost.XGBRegressor(objective=objective, **common)
        yield Case(f"XGBRegressor, {objective}", make, "rates", REGRESSOR, 28, "xgboost")
    dart = xgboost.XGBRegressor(booster="dart", rate_drop=0.2, **common)
    yield Case("XGBRegressor, dart", dart, "numbers", REGRESSOR, 22, "xgboost", not_exported="gbtree_model_param")
    yield Case("XGBRFRegressor", xgboost.XGBRFRegressor(**common), "numbers", REGRESSOR, 22, "xgboost")


FAMILIES = (
    linear_cases, support_vector_cases, neighbour_cases, probabilistic_cases, tree_cases, composed_cases,
    network_and_cluster_cases, transformer_cases, pipeline_cases, text_cases, lightgbm_cases, xgboost_cases,
)  # fmt: skip


def all_cases():
    return [case for family in FAMILIES for case in family()]
