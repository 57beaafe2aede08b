"""What the wheel holds: the package with its data, and the migrations inside it."""

from setuptools import find_namespace_packages, setup

setup(
    packages=[*find_namespace_packages(include=["tracker", "tracker.*"]), "tracker.migrations"],
    package_dir={"tracker.migrations": "migrations"},
    package_data={
        "": [
            "*.sql",
            "*.json",
            "*.csv",
            "*.html",
            "*.txt",
            "*.css",
            "*.js",
            "*.svg",
            "*.typ",
            "LICENSE",
            "py.typed",
        ]
    },
)
