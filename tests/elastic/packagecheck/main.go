// Command packagecheck says whether Elastic's own checker finds a package valid.
package main

import (
	"fmt"
	"os"

	"github.com/elastic/package-spec/v3/code/go/pkg/validator"
)

func main() {
	if err := validator.ValidateFromPath(os.Args[1]); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
