// Command cert-manager-controller starts cert-manager's own controllers.
//
// The module that cert-manager publishes holds everything but its commands, which are modules of the
// repository that nobody can fetch. So this main stands in for theirs: flags for where the API server is, and
// the controllers that issuers of the kinds SelfSigned and CA need, each at its default settings. It elects no leader
// and serves no metrics: it is for tests.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/cert-manager/cert-manager/pkg/controller"
	"github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/approver"
	cacertificaterequests "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/ca"
	selfsignedcertificaterequests "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/selfsigned"
	"github.com/cert-manager/cert-manager/pkg/controller/certificates/issuing"
	"github.com/cert-manager/cert-manager/pkg/controller/certificates/keymanager"
	"github.com/cert-manager/cert-manager/pkg/controller/certificates/readiness"
	"github.com/cert-manager/cert-manager/pkg/controller/certificates/requestmanager"
	"github.com/cert-manager/cert-manager/pkg/controller/certificates/revisionmanager"
	"github.com/cert-manager/cert-manager/pkg/controller/certificates/trigger"
	"github.com/cert-manager/cert-manager/pkg/controller/clusterissuers"
	"github.com/cert-manager/cert-manager/pkg/controller/issuers"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/ca"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/selfsigned"
)

const workers = 2

var started = []string{
	issuers.ControllerName,
	clusterissuers.ControllerName,
	approver.ControllerName,
	cacertificaterequests.CRControllerName,
	selfsignedcertificaterequests.CRControllerName,
	trigger.ControllerName,
	keymanager.ControllerName,
	requestmanager.ControllerName,
	issuing.ControllerName,
	readiness.ControllerName,
	revisionmanager.ControllerName,
}

func main() {
	kubeconfig := flag.String("kubeconfig", "", "how the API server is reached")
	resources := flag.String("cluster-resource-namespace", "cert-manager", "where a ClusterIssuer's Secrets are")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, *kubeconfig, *resources); err != nil {
		fmt.Fprintln(os.Stderr, "cert-manager-controller:", err)
		os.Exit(1)
	}
}

// run keeps the controllers going until ctx ends.
func run(ctx context.Context, kubeconfig, resources string) error {
	factory, err := controller.NewContextFactory(ctx, options(kubeconfig, resources))
	if err != nil {
		return err
	}
	shared, err := factory.Build()
	if err != nil {
		return err
	}
	built := make(map[string]controller.Interface, len(started))
	for _, name := range started {
		construct, known := controller.Known()[name]
		if !known {
			return fmt.Errorf("no controller calls itself %s", name)
		}
		if built[name], err = construct(factory); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	// Only now: what a controller asks of the informers, it asks while it is constructed.
	shared.SharedInformerFactory.Start(ctx.Done())
	shared.KubeSharedInformerFactory.Start(ctx.Done())
	var running sync.WaitGroup
	failures := make(chan error, len(built))
	for name, one := range built {
		running.Go(func() {
			if err := one.Run(workers, ctx); err != nil {
				failures <- fmt.Errorf("%s: %w", name, err)
			}
		})
	}
	running.Wait()
	close(failures)
	return <-failures
}

func options(kubeconfig, resources string) controller.ContextOptions {
	return controller.ContextOptions{
		Kubeconfig:         kubeconfig,
		KubernetesAPIQPS:   20,
		KubernetesAPIBurst: 50,
		IssuerOptions:      controller.IssuerOptions{ClusterResourceNamespace: resources},
		CertificateOptions: controller.CertificateOptions{
			CertificateRequestMinimumBackoffDuration: time.Hour,
			CertificateRequestMaximumBackoffDuration: 32 * time.Hour,
		},
	}
}
