"""Wrong study files: what a user may write, and what the one message about it must say.

Used by a unit test of ``hpsearch.study_file.load`` and by an acceptance test of the real command.
"""

from dataclasses import dataclass, field

HEAD = 'name = "mine"\n[dataset]\nsource = "digits"\n'
GOOD = HEAD + "[space]\n"
SEARCH = HEAD + (
    "[space]\n"
    'layers = { type = "int", low = 1, high = 3 }\n'
    'units = { type = "int", low = 32, high = 64, step = 16, per_layer = true }\n'
    "[space.optimizer]\n"
    'adam = { learning_rate = { type = "float", low = 1e-4, high = 1e-2, log = true } }\n'
)


@dataclass(frozen=True, kw_only=True)
class Wrong:
    """One wrong study file and what its message must name."""

    name: str
    """What is wrong, as the test's id."""
    text: str | bytes = GOOD
    """The file's content."""
    says: tuple[str, ...]
    """Key, value and a word of the cure: each must stand in the message."""
    file: str = "study.toml"
    """The name under which the file is written."""
    given: str | None = None
    """The name that is given to the command; None: ``file``."""
    overrides: tuple[str, ...] = ()
    """Texts of ``--set``."""
    lines: int = field(default=1)
    """Problems, one line each."""
    names_file: bool = True
    """Whether the message is about the file (not about ``--set`` itself)."""


def _space(name: str, line: str, *says: str) -> Wrong:
    return Wrong(name=name, text=GOOD + line + "\n", says=says)


def _section(name: str, lines: str, *says: str) -> Wrong:
    return Wrong(name=name, text=SEARCH + lines + "\n", says=says)


def _dataset(name: str, lines: str, *says: str) -> Wrong:
    return Wrong(name=name, text=f'name = "mine"\n[dataset]\n{lines}\n[space]\n', says=says)


def _images(name: str, line: str, *says: str) -> Wrong:
    return _dataset(name, f'source = "image_folder"\npath = "."\n{line}', *says)


def _name(name: str, value: str, *says: str) -> Wrong:
    return Wrong(name=name, text=GOOD.replace('"mine"', value), says=says)


def _set(name: str, override: str, *says: str, names_file: bool = True) -> Wrong:
    return Wrong(name=name, overrides=(override,), says=says, names_file=names_file)


FILES = [
    Wrong(name="no such file", given="stduy.toml", says=("stduy.toml", "check the name")),
    Wrong(name="another ending", file="study.yaml", says=("study.yaml", ".toml")),
    Wrong(name="no ending", file="study", says=("study", ".toml")),
    Wrong(
        name="a folder on the way is a file", given="study.toml/a.toml", says=("check the name",)
    ),
    Wrong(name="Latin-1", text='name = "é"'.encode("latin-1"), says=("UTF-8", "save")),
    Wrong(name="UTF-16", text=GOOD.encode("utf-16"), says=("UTF-8", "save")),
    Wrong(name="no quotes", text="name = mine\n", says=("line 1", "quotes")),
    Wrong(name="open quote", text='name = "mine\n', says=("line 1", "correct")),
    Wrong(name="open bracket", text=SEARCH + "[budget\n", says=("line 9", "correct")),
    Wrong(name="a key twice", text='name = "a"\nname = "b"\n', says=("overwrite", "correct")),
    Wrong(name="a table twice", text=GOOD + "[dataset]\n", says=("dataset", "twice", "line 5")),
    Wrong(name="too deep", text="a = " + "[" * 3000, says=("nested too deeply", "correct")),
    Wrong(name="a number too long", text="seed = " + "9" * 5000, says=("digits", "correct")),
    Wrong(name="empty", text="", says=("name", "dataset", "add it"), lines=2),
    Wrong(
        name="unknown preset",
        text='preset = "tabels"\n' + GOOD,
        says=("preset", "tabels", "tables"),
    ),
    Wrong(
        name="portfolio outside of the space",
        text=SEARCH + "[[portfolio]]\nlayers = 99\n",
        says=("portfolio[0]", "layers", "99"),
    ),
    _section("transfer of one name", '[transfer]\nstudies = "older"', "transfer.studies", "list"),
    Wrong(name="only a name", text='name = "a"', says=("dataset", "missing"), lines=1),
]

NAMES = [
    _name("name leaves the folder", '"../x"', 'name = "../x"', "letters"),
    _name("name with a slash", '"a/b"', 'name = "a/b"', "letters"),
    _name("hidden name", '".mine"', 'name = ".mine"', "starting with a letter or digit"),
    _name("empty name", '""', 'name = ""', "1 to 100"),
    _name("name too long", '"' + "x" * 101 + '"', "name = ", "1 to 100"),
    _name("name with an umlaut", '"größe"', 'name = "größe"', "letters"),
    _name("name with a line break", '"a\\n"', 'name = "a\\n"', "letters"),
    _name("name is a number", "5", "name = 5", "quotes"),
    Wrong(name="negative seed", text="seed = -1\n" + GOOD, says=("seed = -1", "at least 0")),
    Wrong(
        name="huge seed", text="seed = 4_294_967_296\n" + GOOD, says=("seed = 4294967296", "below")
    ),
    Wrong(name="unknown key", text="sed = 1\n" + GOOD, says=("sed", "did you mean seed?")),
    Wrong(name="line break in a key", text='"a\\nb" = 1\n' + GOOD, says=('"a\\nb"', "known")),
    _section("unknown table", "[worker]\ncount = 1", "worker", "did you mean workers?"),
    _section("top key at the end", "seed = 3", "seed", "move it to the top"),
]

DATASETS = [
    Wrong(
        name="a search that trains on what it is judged by",
        text=SEARCH.replace('"digits"', '"digits"\ninclude_validation = true', 1),
        says=("dataset.include_validation = true", "leave it out"),
    ),
    _dataset("no source", "", "dataset.source", "missing"),
    _dataset("unknown source", 'source = "cifar"', '"cifar"', "did you mean cifar10?"),
    _dataset("npz without path", 'source = "npz"', "dataset", "path", "add path"),
    _dataset("folder without path", 'source = "image_folder"', "dataset", "add path"),
    _dataset("digits with path", 'source = "digits"\npath = "x"', "digits", "leave path out"),
    _dataset("empty path", 'source = "npz"\npath = ""', 'dataset.path = ""', "write a text"),
    _dataset(
        "path missing", 'source = "npz"\npath = "no.npz"', '"no.npz"', "does not exist", "--set"
    ),
    _dataset(
        "path below a file", 'source = "npz"\npath = "study.toml/x"', "does not exist", "correct"
    ),
    _dataset(
        "path of nobody", 'source = "npz"\npath = "~no body/x"', '"~no body/x"', "does not exist"
    ),
    _dataset("path with a null", 'source = "npz"\npath = "a\\u0000"', "a\\u0000", "does not exist"),
    _dataset("path too long", f'source = "npz"\npath = "{"x" * 5000}"', "xxx...", "does not exist"),
    _dataset("path is a number", 'source = "npz"\npath = 3', "dataset.path = 3", "quotes"),
    _dataset("no validation", 'source = "digits"\nvalidation = 0', "validation = 0", "above 0"),
    _dataset(
        "all validation", 'source = "digits"\nvalidation = 1.0', "validation = 1.0", "below 1"
    ),
    _dataset(
        "validation word", 'source = "digits"\nvalidation = "give"', '"give"', "given", "number"
    ),
    _dataset("scale", 'source = "digits"\nscale = "minmax"', 'dataset.scale = "minmax"', "unit"),
    _dataset("limit 0", 'source = "digits"\nlimit = 0', "dataset.limit = 0", "at least 1"),
    _dataset("limit text", 'source = "digits"\nlimit = "9"', 'dataset.limit = "9"', "whole number"),
    _dataset("class weights", 'source = "digits"\nclass_weights = true', "true", "balanced"),
    _images("image size of one number", "image_size = 32", "image_size = 32", "[height, width]"),
    _images("image size of three", "image_size = [32, 32, 3]", "[32, 32, 3]", "[height, width]"),
    _images("image size of one", "image_size = [32]", "image_size = [32]", "[height, width]"),
    _images("image size table", "image_size = { height = 3 }", "image_size", "[32, 32]"),
    _images("image size 0", "image_size = [0, 32]", "dataset.image_size[0] = 0", "at least 1"),
    _images("image size too large", "image_size = [1, 5000]", "image_size[1] = 5000", "at most"),
    _images("image size 32.0", "image_size = [32.0, 32]", "image_size[0] = 32.0", "whole number"),
    _images("image size true", "image_size = [true, 32]", "image_size[0] = true", "whole number"),
    _images("image mode", 'image_mode = "gray"', 'image_mode = "gray"', "did you mean grey?"),
    _images("unreadable 1", "max_unreadable = 1.0", "dataset.max_unreadable = 1.0", "below 1"),
    _images("unreadable below 0", "max_unreadable = -0.1", "max_unreadable = -0.1", "at least 0"),
    _images("unreadable percent", 'max_unreadable = "1%"', 'max_unreadable = "1%"', "a number"),
    _images("image key", "images_size = [1, 1]", "dataset.images_size", "image_size?"),
    _dataset(
        "image size of digits",
        'source = "digits"\nimage_size = [8, 8]',
        "image_size applies to",
        'source = "image_folder"',
        "leave it out",
    ),
    _dataset(
        "image mode of Keras sets", 'source = "mnist"\nimage_mode = "grey"', "image_mode", "leave"
    ),
    Wrong(
        name="dataset is a text",
        text='name = "mine"\ndataset = "digits"\n[space]\n',
        says=('dataset = "digits"', "[dataset]"),
    ),
]

SECTIONS = [
    _section(
        "metric", '[objective]\nmetric = "accuracy"', '"accuracy"', "did you mean val_accuracy?"
    ),
    _section(
        "direction against the metric",
        '[objective]\nmetric = "val_loss"\ndirection = "maximize"',
        "objective",
        'direction = "maximize"',
        "minimize",
    ),
    _section(
        "limits", "[objective]\nlimits = { macs = 5 }", "objective.limits", "max_macs in [budget]"
    ),
    _section(
        "two objectives",
        '[objective]\nagainst = "parameters"',
        "objective.against",
        "one metric alone",
        "max_parameters",
    ),
    _section("which epoch", "[objective]\nepoch = 3", "objective.epoch = 3", "best"),
    _section("no trials", "[budget]\ntrials = 0", "budget.trials = 0", "at least 1"),
    _section("trials 1e3", "[budget]\ntrials = 1e3", "budget.trials = 1000.0", "whole number"),
    _section("trials true", "[budget]\ntrials = true", "budget.trials = true", "whole number"),
    _section("timeout in words", '[budget]\ntimeout = "2 hours"', '"2 hours"', '"2h"'),
    _section("timeout of a clock", "[budget]\ntimeout = 01:30:00", "timeout = 01:30:00", '"2h"'),
    _section("timeout 0", "[budget]\ntimeout = 0", "budget.timeout = 0", "above 0"),
    _section("timeout table", "[budget]\ntimeout = { h = 2 }", '{"h": 2}', '"2h"'),
    _section("timeout inf", "[budget]\ntimeout = inf", "budget.timeout = Infinity", "leave it out"),
    _section("timeout of ages", '[budget]\ntimeout = "999999999h"', "999999999h", "100 years"),
    _section("max_parameters", '[budget]\nmax_parameters = "5M"', '"5M"', "whole number"),
    _section("budget key", "[budget]\ntrial = 5", "budget.trial", "did you mean trials?"),
    _section("sampler type", '[sampler]\ntype = "tp"', 'sampler.type = "tp"', "tpe"),
    _section("sampler no type", "[sampler]\nn_startup_trials = 5", "sampler", 'type = "tpe"'),
    _section(
        "sampler option",
        '[sampler]\ntype = "random"\nscramble = true',
        "scramble",
        "known: portfolio, type",
    ),
    _section("pruner type", '[pruner]\ntype = "medain"', 'pruner.type = "medain"', "median"),
    _section(
        "pruner option",
        '[pruner]\ntype = "percentile"\npercentile = 120',
        "pruner.percentile = 120",
        "100",
    ),
    Wrong(
        name="pruner is a text",
        text='pruner = "median"\n' + GOOD,
        says=('pruner = "median"', "type"),
    ),
    _section("no epochs", "[training]\nepochs = 0", "training.epochs = 0", "at least 1"),
    _section(
        "early_stopping true",
        "[training]\nearly_stopping = true",
        "= true",
        "write false or a table: [training.early_stopping] or { monitor = ",
    ),
    _section("activation in another case", '[baseline]\nactivation = "Relu"', "mean relu?"),
    _section(
        "optimizer in another case", '[baseline]\noptimizer = { type = "SGD" }', "did you mean sgd?"
    ),
    _section(
        "patience 0", "[training]\nearly_stopping = { patience = 0 }", "patience = 0", "at least 1"
    ),
    _section(
        "monitor",
        '[training]\nearly_stopping = { monitor = "val_acc" }',
        '"val_acc"',
        "val_accuracy?",
    ),
    _section(
        "factor 1", "[training]\nreduce_lr_on_plateau = { factor = 1.0 }", "factor = 1.0", "below 1"
    ),
    _section("precision", '[training]\nprecision = "float16"', '"float16"', "mixed_float16"),
    *(
        _section(
            f"mlflow {uri}",
            f'[training]\nmlflow = "{uri}"',
            f'training.mlflow = "{uri}"',
            'write "http://HOST:PORT" or "sqlite:///FILE"',
        )
        for uri in ("", "mlruns", "localhost:5000", "http://", "sqlite://", "http://a b", "ftp://a")
    ),
    *(
        _section(
            f"mlflow {uri}",
            f'[training]\nmlflow = "{uri}"',
            "training.mlflow: has a user, password or query",
            "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD",
        )
        for uri in ("http://me:secret@host", "https://host/?token=secret", "postgresql://a:b@c/d")
    ),
    _section(
        "tensorboard true",
        "[training]\ntensorboard = true",
        "training.tensorboard = true",
        "write false or a table: [training.tensorboard] or { histograms = false }",
    ),
    _section("trial_timeout", '[training]\ntrial_timeout = "1 h"', '"1 h"', '"90s"'),
    _section(
        "workers all", '[workers]\ncount = "all"', 'workers.count = "all"', "auto, or a number"
    ),
    _section("half a worker", "[workers]\nper_gpu = 0.5", "workers.per_gpu = 0.5", "whole number"),
]

RANGES = [
    _space(
        "ratio and per layer",
        'units = { type = "int", low = 8, high = 64, per_layer = true, ratio = [0.5] }',
        "ratio",
        "per_layer",
    ),
    _space(
        "ratio beyond reason",
        'layers = 20\nunits = { type = "int", low = 8, high = 64, ratio = [2.0] }',
        "units reaches 33,554,432",
        "lower",
    ),
    _space(
        "no ratio",
        'layers = 2\nunits = { type = "int", low = 8, high = 64, ratio = [] }',
        "ratio",
        "empty",
    ),
    _space("layers 3.0", "layers = 3.0", "space.layers = 3.0", "whole number"),
    _space("layers of 10,000 digits", "layers = 0x" + "f" * 10_000, "space.layers", "too large"),
    _space("layers 0", "layers = 0", "space.layers = 0", "at least 1"),
    _space("layers date", "layers = 2024-01-01", "space.layers = 2024-01-01", "whole number"),
    _space("units text", 'units = "64"', 'space.units = "64"', "whole number"),
    _space(
        "units list of another length",
        "layers = 2\nunits = [1, 2, 3]",
        "[1, 2, 3]",
        "layers = 2",
        "one for each",
    ),
    _space(
        "units list, layers range",
        'units = [1, 2]\nlayers = { type = "int", low = 1, high = 2 }',
        "units is a list",
        "per_layer",
    ),
    _space(
        "a range in a list",
        'units = [64, { type = "int", low = 1, high = 2 }]',
        "space.units[1]",
        "plain value",
    ),
    _space(
        "list for choices",
        'activation = ["relu", "gelu"]',
        "space.activation",
        '{ type = "categorical", choices = ["relu", "gelu"] }',
    ),
    _space("activation", 'activation = "rely"', 'space.activation = "rely"', "relu?"),
    _space(
        "a choice",
        'activation = { type = "categorical", choices = ["relu", "rely"] }',
        'choices[1] = "rely"',
        "relu?",
    ),
    _space(
        "a choice twice",
        'activation = { type = "categorical", choices = ["relu", "relu"] }',
        '"relu" twice',
        "once",
    ),
    _space(
        "no choices",
        'l2 = { type = "categorical", choices = [] }',
        "space.l2.choices",
        "at least one",
    ),
    _space(
        "low above high",
        'layers = { type = "int", low = 3, high = 1 }',
        "low = 3",
        "high = 1",
        "swap",
    ),
    _space("no high", 'layers = { type = "int", low = 3 }', "space.layers.high", "add it"),
    _space("no type", "layers = { low = 1, high = 3 }", "space.layers", 'type = "int"'),
    _space(
        "type of another field",
        'layers = { type = "float", low = 1, high = 3 }',
        'space.layers.type = "float"',
        "int",
    ),
    _space(
        "range key",
        'layers = { type = "int", low = 1, high = 3, lo = 1 }',
        "space.layers.lo",
        "low?",
    ),
    _space(
        "step beside the end",
        'layers = { type = "int", low = 1, high = 10, step = 4 }',
        "step = 4",
        "high = 9",
    ),
    _space(
        "step beside the end of reals",
        'dropout = { type = "float", low = 0, high = 0.5, step = 0.2 }',
        "step = 0.2",
        "high = 0.4",
    ),
    _space(
        "step and log",
        'l2 = { type = "float", low = 0.1, high = 1.0, step = 1.0, log = true }',
        "step = 1.0",
        "leave one of them out",
    ),
    _space(
        "log from 0",
        'dropout = { type = "float", low = 0.0, high = 0.5, log = true }',
        "low = 0.0",
        "above 0",
    ),
    _space("batch_norm 1", "batch_norm = 1", "space.batch_norm = 1", "true or false"),
    _space("dropout 1", "dropout = 1.0", "space.dropout = 1.0", "below 1.0"),
    _space("dropout nan", "dropout = nan", "space.dropout = NaN", "finite"),
    _space("dropout true", "dropout = true", "space.dropout = true", "number"),
    _space("field", "unit = 64", "space.unit", "did you mean units?"),
    _space("schedule", 'lr_schedule = "cos"', 'lr_schedule = "cos"', "cosine?"),
]

OPTIMIZERS = [
    _space("optimizer is a text", 'optimizer = "adam"', '"adam"', '{ type = "adam" }'),
    _space("optimizer type", 'optimizer = { type = "adm" }', 'type = "adm"', "adam?"),
    _space("optimizer no type", "optimizer = { learning_rate = 0.1 }", "space.optimizer", "type"),
    _space("no optimizer", "optimizer = {}", "space.optimizer", "add at least one of adam"),
    _space("lr", 'optimizer = { type = "sgd", lr = 0.1 }', "space.optimizer.lr", "learning_rate"),
    _space(
        "a range in a fixed optimizer",
        'optimizer = { type = "adam", learning_rate = { type = "float", low = 0.1, high = 0.2 } }',
        "learning_rate",
        "adam = { ... }",
    ),
    _space("optimizer table", "optimizer = { adm = {} }", "space.optimizer.adm", "adam?"),
    _space(
        "setting of another optimizer",
        "optimizer = { sgd = { beta_1 = 0.9 } }",
        "space.optimizer.sgd.beta_1",
        "momentum",
    ),
    _space(
        "rate 0",
        "optimizer = { sgd = { learning_rate = 0 } }",
        "sgd.learning_rate = 0",
        "above 0",
    ),
]

ENQUEUED = [
    _section(
        "enqueued layers", "[[enqueue]]\nlayers = 5", "enqueue[0].layers = 5", "1 to 3", "widen"
    ),
    _section(
        "enqueued width", "[[enqueue]]\nunits = [32, 40]", "enqueue[0].units[1] = 40", "steps of 16"
    ),
    _section(
        "enqueued list",
        "[[enqueue]]\nlayers = 2\nunits = [32]",
        "[32]",
        "layers = 2",
        "one for each",
    ),
    _section("enqueued nothing", "[[enqueue]]\nunits = []", "enqueue[0].units = []", "is empty"),
    _section(
        "against a fixed field", '[[enqueue]]\nactivation = "gelu"', '"gelu"', 'fixes it to "relu"'
    ),
    _section(
        "enqueued optimizer",
        '[[enqueue]]\noptimizer = { type = "sgd" }',
        '"sgd"',
        "one of adam",
        "add a",
    ),
    _section(
        "enqueued rate",
        '[[enqueue]]\noptimizer = { type = "adam", learning_rate = 0.5 }',
        "enqueue[0].optimizer.learning_rate = 0.5",
        "0.0001 to 0.01",
    ),
    _section(
        "enqueued setting that is fixed",
        '[[enqueue]]\noptimizer = { type = "adam", beta_1 = 0.5 }',
        "enqueue[0].optimizer.beta_1 = 0.5",
        "0.9",
    ),
    _section(
        "enqueued range",
        '[[enqueue]]\nunits = { type = "int", low = 32, high = 64 }',
        "enqueue[0].units",
        "plain value",
    ),
    _section(
        "second enqueued",
        "[[enqueue]]\n[[enqueue]]\nbatchsize = 3",
        "enqueue[1].batchsize",
        "batch_size?",
    ),
    _section("one bracket", "[enqueue]\nlayers = 2", "enqueue", "[[enqueue]]"),
    _section(
        "baseline range",
        '[baseline]\nunits = { type = "int", low = 1, high = 2 }',
        "baseline",
        "units",
        "plain value",
    ),
    _section("baseline list", "[baseline]\nlayers = 3\nunits = [1, 2]", "[1, 2]", "layers = 3"),
    _section("baseline key", "[baseline]\nlayer = 3", "baseline.layer", "layers?"),
    _section("two brackets", "[[baseline]]\nlayers = 3", "baseline", "[baseline]"),
    _section(
        "baseline tables", "[baseline]\noptimizer = { adam = {} }", "baseline.optimizer", "add type"
    ),
]

OVERRIDES = [
    _set("set no value", "budget.trials", "budget.trials", "key=value", names_file=False),
    _set("set no key", "=3", "=3", "key=value", names_file=False),
    _set("set half a key", "budget..trials=3", "budget..trials", "key=value", names_file=False),
    _set("set below a value", "name.first=3", "name", "not a table", names_file=False),
    _set("set a word", "budget.trials=many", 'budget.trials = "many"', "whole number"),
    _set("set nothing", "budget.trials=", 'budget.trials = ""', "whole number"),
    _set("set an unknown key", "budget.trial=3", "budget.trial", "trials?"),
    _set("set below a list", "enqueue[0].layers=3", "enqueue[0]", "enqueue?"),
    _set("set a long number", "budget.trials=" + "9" * 5000, "budget.trials", "whole number"),
    _set("set two lines", 'seed=1\nname="y"', "seed", "whole number"),
    _set("set a path as name", "name=../x", 'name = "../x"', "letters"),
    _set("set a range out of order", 'space.l2={type="float",low=1,high=0}', "low = 1", "swap"),
    Wrong(
        name="set a missing path",
        overrides=("dataset.source=npz", "dataset.path=no.npz"),
        says=('dataset.path = "no.npz"', "does not exist", "correct"),
    ),
]

WRONG = [*FILES, *NAMES, *DATASETS, *SECTIONS, *RANGES, *OPTIMIZERS, *ENQUEUED, *OVERRIDES]
